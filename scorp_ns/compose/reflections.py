"""Photographs of an object that its own Gaussians do not cover: its mirror images and what shines through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from scorp_ns.cameras import Camera
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import VISIBLE, ObjectCrop
from scorp_ns.render.surface_depth import front_depths

RIM = 1
"""So many pixels beside what it covers are no more its own than its mask is exact."""


def without_foreign_depths(
    own: Gaussians, sights: Sequence[ObjectCrop], cameras: Sequence[Camera]
) -> tuple[ObjectCrop, ...]:
    """The sights with infinite depths where an object's mask shows what its own Gaussians do not cover.

    A scene explains what a glossy surface mirrors by Gaussians behind it, which belong to no object. The mask says that
    the object is there, and their depths do not say that it is not. `cameras` are the sights' in the frame of `own`.
    """
    return tuple(
        replace(sight, depth=np.where((sight.trimap == VISIBLE) & ~_covers(own, camera), np.inf, sight.depth))
        for sight, camera in zip(sights, cameras, strict=True)
    )


def _covers(own: Gaussians, camera: Camera) -> Bool[np.ndarray, "h w"]:
    _, is_solid = front_depths(own, camera)
    return np.asarray(ndimage.binary_dilation(is_solid.cpu().numpy(), iterations=RIM))
