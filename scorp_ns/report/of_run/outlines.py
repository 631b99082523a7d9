"""The outline of a proxy, and that of an object's mask, drawn over a photograph."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import CapturedView
from scorp_ns.report.of_run.facts import Outlined
from scorp_ns.report.of_run.shots import Window, shoot

SOLID = 0.5
"""Least alpha of a proxy's silhouette."""

PROXY_INK, MASK_INK, SHADOW = (255, 96, 0), (255, 255, 255), (0, 0, 0)
"""Colours of the outlines, and of what sets them off from the photograph."""

FINER = 2
"""Outlines are drawn on a picture so many times as large, and shrunk with it."""

HALF = 127
"""Resized masks hold where they are more than half there."""

OUTSIDE = 235
"""The grey beyond the edges of a photograph."""


def cut_photograph(view: CapturedView, window: Window, size: int) -> Image.Image:
    """The window of the photograph as a picture of so many pixels a side."""
    square = _cut(view.photograph.cpu().numpy(), window, (OUTSIDE,) * 3)
    return square.resize((size, size), Image.Resampling.LANCZOS)


def overlay(
    proxy: Gaussians, label: int, view: CapturedView, window: Window, size: int
) -> tuple[Image.Image, Outlined]:
    """The photograph with the outlines of proxy and mask, and how well the two agree."""
    fine = FINER * size
    _, opacity = shoot(proxy, window.shot(view, fine), antialiased=False)
    silhouette = opacity > SOLID
    mask, counts = _masks(view, label, window, fine)
    canvas = np.array(cut_photograph(view, window, fine))
    _draw(canvas, mask, MASK_INK, FINER)
    _draw(canvas, silhouette, PROXY_INK, 2 * FINER)
    drawn = Image.fromarray(canvas).resize((size, size), Image.Resampling.LANCZOS)
    return drawn, Outlined(view.name, _iou(silhouette & counts, mask & counts))


def _masks(
    view: CapturedView, label: int, window: Window, size: int
) -> tuple[Bool[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """The object's pixels, and those of which one knows that no other object hides it there."""
    if view.labels is None:
        return np.zeros((size, size), bool), np.zeros((size, size), bool)
    labels = view.labels.cpu().numpy()
    known = (labels == label) | (labels == 0)
    cut = (_cut(part.astype(np.uint8) * 255, window, 0) for part in (labels == label, known))
    mask, counts = (np.asarray(part.resize((size, size), Image.Resampling.BILINEAR)) > HALF for part in cut)
    return mask, counts


def _iou(one: Bool[np.ndarray, "h w"], other: Bool[np.ndarray, "h w"]) -> float | None:
    """Of silhouette and mask, where others' masks hide nothing; None without a mask."""
    return float((one & other).sum() / (one | other).sum()) if other.any() else None


def _draw(
    canvas: UInt8[np.ndarray, "h w 3"], shape: Bool[np.ndarray, "h w"], ink: tuple[int, int, int], width: int
) -> None:
    """Draw the shape's outline, set off by a darker one."""
    contours, _ = cv2.findContours(shape.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    for color, thickness in ((SHADOW, 2 * width), (ink, width)):
        cv2.drawContours(canvas, contours, -1, color, thickness, cv2.LINE_AA)


def _cut(image: UInt8[np.ndarray, "h w *c"], window: Window, outside: int | tuple[int, ...]) -> Image.Image:
    """The window of the image; what lies beyond the image is filled."""
    whole = Image.fromarray(image)
    cut = Image.new(whole.mode, (window.side, window.side), outside)
    cut.paste(whole, (-window.left, -window.top))
    return cut
