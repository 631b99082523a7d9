"""Photographs with the outlines of object masks, laid over the pictures of cameras that look from about there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from scorp_ns.cameras import viewmats_from_camera_to_worlds
from scorp_ns.products import CapturedView
from scorp_ns.viewer.object_markers import color_of

LINE = 0.004
"""The width of an outline, as a share of the photograph's."""

NOTHING = 1e-6
"""A distance too small to matter, for cameras that stand in one place."""


class MaskedPhotographs:
    """The training images, each with outlines in the colours of its objects; they are read when one is first shown."""

    def __init__(self, read_views: Callable[[], Sequence[CapturedView]]) -> None:
        self._read_views = read_views

    @cached_property
    def _views(self) -> Sequence[CapturedView]:
        return self._read_views()

    def over(self, rgb: Float[Tensor, "h w 3"], camera: Cameras) -> Float[Tensor, "h w 3"]:
        """A camera's picture, with the photograph over it that was taken nearest to there; exact where it was taken."""
        viewmat = viewmats_from_camera_to_worlds(camera.camera_to_worlds.double().cpu())[0]
        view = min(self._views, key=lambda one: _distance(one.viewmat.double().cpu(), viewmat))
        K = camera.get_intrinsics_matrices()[0].double().cpu()
        # What is far away lies there in the photograph: parallax is left out.
        turn = view.viewmat[:3, :3].double().cpu() @ viewmat[:3, :3].T
        through = view.K.double().cpu() @ turn @ torch.linalg.inv(K)
        drawn, is_covered = _warped(_with_outlines(view), through.numpy(), rgb.shape[1], rgb.shape[0])
        return torch.where(torch.from_numpy(is_covered)[..., None].to(rgb.device), torch.from_numpy(drawn).to(rgb), rgb)


def _distance(viewmat: Tensor, other: Tensor) -> float:
    """A measure of two cameras' difference: their distance, and more if they look elsewhere."""
    position, other_position = (-one[:3, :3].T @ one[:3, 3] for one in (viewmat, other))
    return float(((position - other_position).norm() + NOTHING) * (2 - viewmat[2, :3] @ other[2, :3]))


def _with_outlines(view: CapturedView) -> UInt8[np.ndarray, "h w 3"]:
    """The photograph with the outline of every object's mask."""
    canvas = np.ascontiguousarray(view.photograph.cpu().numpy())
    if view.labels is None:
        return canvas
    canvas, labels = canvas.copy(), view.labels.cpu().numpy()
    for label in np.unique(labels[labels > 0]).tolist():
        contours, _ = cv2.findContours((labels == label).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        ink = tuple(round(255 * channel) for channel in color_of(label))
        cv2.drawContours(canvas, contours, -1, ink, max(1, round(LINE * canvas.shape[1])), cv2.LINE_AA)
    return canvas


def _warped(
    photograph: UInt8[np.ndarray, "h w 3"], through: Float[np.ndarray, "3 3"], width: int, height: int
) -> tuple[Float[np.ndarray, "_ _ 3"], Bool[np.ndarray, "_ _"]]:
    """The photograph as another camera sees it, and where it does; pixels' corners, not middles, are whole numbers."""
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    x, y, z = np.einsum("ij,jhw->ihw", through, np.stack([columns, rows, np.ones_like(rows)]))
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = (np.where(z > 0, part / z, -1.0).astype(np.float32) for part in (x, y))
    is_covered = (x >= 0) & (y >= 0) & (x < photograph.shape[1]) & (y < photograph.shape[0])
    drawn = cv2.remap(photograph, x - 0.5, y - 0.5, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return drawn.astype(np.float32) / 255, is_covered
