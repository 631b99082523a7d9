"""Photographs of an object that its own Gaussians do not cover: its mirror images and what shines through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage
from torch import Tensor

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import VISIBLE, ObjectCrop
from scorp_ns.render.surface_depth import front_depths

RIM = 1
"""So many pixels beside what it covers are no more its own than its mask is exact."""


def without_foreign_depths(
    own: Gaussians, sights: Sequence[ObjectCrop], viewmats: Sequence[Float[Tensor, "4 4"]]
) -> tuple[ObjectCrop, ...]:
    """The sights with infinite depths where an object's mask shows what its own Gaussians do not cover.

    A scene explains what a glossy surface mirrors by Gaussians behind it, which belong to no object. The mask says that
    the object is there, and their depths do not say that it is not. `viewmats` lead from `own` to the sights' cameras.
    """
    return tuple(
        replace(sight, depth=np.where((sight.trimap == VISIBLE) & ~_covers(own, sight, viewmat), np.inf, sight.depth))
        for sight, viewmat in zip(sights, viewmats, strict=True)
    )


def _covers(own: Gaussians, sight: ObjectCrop, viewmat: Float[Tensor, "4 4"]) -> Bool[np.ndarray, "h w"]:
    height, width = sight.trimap.shape
    _, is_solid = front_depths(own, viewmat, sight.K, width, height)
    return np.asarray(ndimage.binary_dilation(is_solid.cpu().numpy(), iterations=RIM))
