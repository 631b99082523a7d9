"""Exact silhouettes of proxies' surfaces, beyond which their Gaussians spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from scorp_ns.cameras import Camera
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.pose.render_score import BEHIND
from scorp_ns.surfaces.queries import SurfaceQueries

AGREEING = 0.02
"""The surface is not asked where a rendered weight differs from the mask by less than this."""


@dataclass(frozen=True)
class MaskedView:
    """A photograph's camera, with the mask of an object and the depth of the scene."""

    camera: Camera
    is_shown: Bool[Tensor, "h w"]
    """The object's mask."""
    scene_depth: Float[Tensor, "h w"]
    """0 where the scene is empty, or too thin to hide anything."""


@torch.no_grad()
def silhouette(
    surface: SurfaceQueries, T_world_proxy: Similarity, view: MaskedView, weight: Float[Tensor, "h w"]
) -> Float[Tensor, "h w"]:
    """1 where the surface at its place is seen, 0 elsewhere; as the mask says where the rendered weight says so too.

    The scene hides the surface where it is nearer, but not within the mask.
    """
    result = view.is_shown.to(weight)
    is_asked = (weight - result).abs() > AGREEING
    depths = _depths(surface, T_world_proxy, view, is_asked).to(weight)
    scene_depths = view.scene_depth[is_asked]
    is_hidden = (scene_depths > 0) & (depths >= scene_depths + BEHIND * T_world_proxy.scale)
    result[is_asked] = ((view.is_shown[is_asked] | ~is_hidden) & depths.isfinite()).to(weight)
    return result


def _depths(
    surface: SurfaceQueries, T_world_proxy: Similarity, view: MaskedView, is_asked: Bool[Tensor, "h w"]
) -> Float[Tensor, " n"]:
    """The depths of the surface in some pixels; infinite where it is not met."""
    camera, inverse = view.camera.exact(), T_world_proxy.inverse()
    columns, rows = (centers[is_asked.cpu()] for centers in camera.pixel_centers())
    local = camera.local_directions(columns, rows)
    directions = inverse.scale * local @ camera.rotation @ inverse.rotation.T
    origin = inverse.apply(camera.center)
    hits = surface.cast(origin.expand_as(directions).numpy().astype(np.float32), directions.numpy().astype(np.float32))
    return torch.from_numpy(hits.distances).to(view.scene_depth)
