"""Square crops of photographs around an object, each with a camera of its own."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from scorp_ns.products import BACKGROUND, OCCLUDER, VISIBLE, CapturedView, ObjectView


def pixel_roles(mask: Bool[np.ndarray, "h w"], is_hidden: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """The object's pixels, those where something hides it, and the rest."""
    roles = np.full(mask.shape, BACKGROUND, np.uint8)
    roles[is_hidden] = OCCLUDER
    roles[mask] = VISIBLE
    return roles


def crop_view(
    view: CapturedView, roles: UInt8[np.ndarray, "h w"], margin: float, min_pixels: int, scores: Mapping[str, float]
) -> ObjectView:
    """The square around all of the object, hidden parts included; small ones are enlarged to `min_pixels`."""
    left, top, side = _square(roles != BACKGROUND, margin)
    size = max(side, int(np.ceil(min_pixels**0.5)))
    photograph = _cut(view.photograph.cpu().numpy(), left, top, side, 0)
    cut_roles = _cut(roles, left, top, side, BACKGROUND)
    if size > side:
        photograph = cv2.resize(photograph, (size, size), interpolation=cv2.INTER_CUBIC)
        cut_roles = cv2.resize(cut_roles, (size, size), interpolation=cv2.INTER_NEAREST)
    camera = view.camera.to("cpu").cropped(left, top, side, side).resized(size, size)
    alpha = np.where(cut_roles == VISIBLE, 255, 0).astype(np.uint8)
    return ObjectView(
        name=view.name,
        rgba=np.concatenate([photograph, alpha[..., None]], axis=2),
        trimap=cut_roles,
        viewmat=camera.viewmat,
        K=camera.K,
        scores=scores,
    )


def _square(chosen: Bool[np.ndarray, "h w"], margin: float) -> tuple[int, int, int]:
    """Left, top and side of the square around the chosen pixels, with a margin; it may reach beyond the image."""
    rows, columns = np.nonzero(chosen)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    side = int(np.ceil(max(height, width) / (1 - 2 * margin)))
    return int(columns.min() - (side - width) // 2), int(rows.min() - (side - height) // 2), side


def _cut(image: UInt8[np.ndarray, "h w *c"], left: int, top: int, side: int, outside: int) -> np.ndarray:
    """The square of the image; what lies beyond the image is filled."""
    cut = np.full((side, side, *image.shape[2:]), outside, image.dtype)
    rows = slice(max(0, top), min(image.shape[0], top + side))
    columns = slice(max(0, left), min(image.shape[1], left + side))
    cut[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = image[rows, columns]
    return cut
