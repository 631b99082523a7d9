"""Binary masks of several objects, laid over each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import Bool

from scorp_ns.masks.pixels import IdMap, resize_nearest

Layer = tuple[int, Callable[[], Bool[np.ndarray, "h w"]]]
"""An object's id, and a reader of its pixels."""


def overlay(layers: Iterable[Layer]) -> IdMap:
    """The id of each pixel; where masks overlap, the object with fewer pixels in this frame has the pixel.

    It is usually the one in front, or the part of the other. Of equals the first has it. Masks of different sizes are
    brought to the size of the first.
    """
    ids: IdMap | None = None
    owner_area = np.zeros((0, 0), np.int64)
    for number, read in layers:
        mask = read()
        if ids is None:
            ids = np.zeros(mask.shape, np.int32)
            owner_area = np.full(mask.shape, np.iinfo(np.int64).max)
        mask = resize_nearest(mask, ids.shape[1], ids.shape[0])
        area = np.count_nonzero(mask)
        won = mask & (area < owner_area)
        ids[won] = number
        owner_area[won] = area
    assert ids is not None
    return ids
