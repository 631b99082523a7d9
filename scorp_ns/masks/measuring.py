"""Measures of each object in one frame: its area, and a histogram of its colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8
from PIL import Image

from scorp_ns.masks.pixels import resize_nearest
from scorp_ns.masks.source import Frame, Size
from scorp_ns.products import LabelMap

LONGER_SIDE = 320
"""Longer side of the copies in which colours are measured, in pixels."""

SHADES, HUES = 3, 10
"""Steps of brightness, and of the shares of red and of green in it."""

BINS = SHADES * HUES * HUES

Reader = Callable[[], LabelMap]


@dataclass(frozen=True)
class FrameMeasure:
    """Measures of a frame; arrays have an entry for each object in it."""

    labels: Int64[np.ndarray, " present"]
    """The objects in the frame."""
    areas: Int64[np.ndarray, " present"]
    """Their pixels in the map."""
    is_cut: Bool[np.ndarray, " present"]
    """True for objects that touch the border of the image."""
    num_pixels: int
    """All pixels of the map."""
    colors: Float32[np.ndarray, "present bins"] | None
    """Colour histograms in the small copy; None if the image cannot be read."""
    rest: Float32[np.ndarray, "present bins"] | None
    """Colour histograms of each object's complement."""


def measure_frame(reader: Reader, frame: Frame) -> FrameMeasure:
    """The measures of the frame's map and image."""
    labels = reader()
    areas = np.bincount(labels.ravel() + 1)[2:]
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    present = np.flatnonzero(areas) + 1
    image = small_image(frame)
    colors = rest = None
    if image is not None:
        colors, rest = _count_colors(labels, image, present)
    return FrameMeasure(present, areas[present - 1], np.isin(present, border), labels.size, colors, rest)


def small_image(frame: Frame, longer_side: int = LONGER_SIDE) -> UInt8[np.ndarray, "h w 3"] | None:
    """The image with its longer side no longer than this; None if it cannot be read, which is reported elsewhere."""
    try:
        with Image.open(frame.image_path) as image:
            size = small_size(image.size, longer_side)
            image.draft("RGB", size)
            return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BOX))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def small_size(size: Size, longer_side: int) -> Size:
    """The size, shrunk where its longer side is longer than this."""
    shrink = min(1.0, longer_side / max(size))
    return max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink))


def _count_colors(
    labels: LabelMap, image: UInt8[np.ndarray, "height width 3"], present: Int64[np.ndarray, " present"]
) -> tuple[Float32[np.ndarray, "present bins"], Float32[np.ndarray, "present bins"]]:
    """Colour histograms of every object and of its complement, without unknown pixels."""
    small = resize_nearest(labels, image.shape[1], image.shape[0]).astype(np.int64)
    rows = np.zeros(max([0, *present]) + 2, np.int64)
    rows[present] = np.arange(1, len(present) + 1)
    rows[-1] = len(present) + 1
    cells = rows[small] * BINS + _color_bins(image)
    counts = np.bincount(cells.ravel(), minlength=(len(present) + 2) * BINS).reshape(-1, BINS)[:-1]
    own = counts[1:].astype(np.float32)
    return own, counts.sum(axis=0).astype(np.float32) - own


def _color_bins(image: UInt8[np.ndarray, "h w 3"]) -> Int64[np.ndarray, "h w"]:
    """The histogram bin of each pixel, insensitive to light and shadow; black counts as grey."""
    rgb = image.astype(np.float32) + 8
    total = rgb.sum(axis=-1)
    shade = np.minimum(total * (SHADES / (3 * 264)), SHADES - 1).astype(np.int64)
    shares = rgb[..., :2] / total[..., None]
    hues = np.clip((shares - 0.1) * (HUES / 0.6), 0, HUES - 1).astype(np.int64)
    return (shade * HUES + hues[..., 0]) * HUES + hues[..., 1]
