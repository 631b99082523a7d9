"""The depth of the object's surface in a window, by its own Gaussians where they show it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import ObjectCrop
from scorp_ns.render.surface_depth import front_depths

MOST_DIFFERENCE = 0.15
"""Depths that differ by more than this share of the object's diagonal are not of the same surface."""


def surface_depth(gaussians: Gaussians, sight: ObjectCrop, diagonal: float) -> Float32[np.ndarray, "h w"]:
    """The scene's depth, made better by the fronts of the object's own Gaussians where they agree with it."""
    depth, is_solid = front_depths(gaussians, sight.camera)
    front = depth.cpu().numpy()
    is_better = is_solid.cpu().numpy() & (np.abs(front - sight.depth) < MOST_DIFFERENCE * diagonal)
    return np.where(is_better, front, sight.depth).astype(np.float32)
