"""Label maps at other sizes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Shaped


def resize_nearest(pixels: Shaped[np.ndarray, "h w"], width: int, height: int) -> Shaped[np.ndarray, "height width"]:
    """The map at another size: every pixel takes the value that lies under its centre."""
    if pixels.shape == (height, width):
        return pixels
    rows = (2 * np.arange(height) + 1) * pixels.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * pixels.shape[1] // (2 * width)
    return pixels[rows[:, None], columns[None, :]]
