"""What of an object a view would see, and what it does see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import CapturedView
from scorp_ns.render import rasterization

SOLID = 0.5
"""Pixels with more opacity than this show something."""


@dataclass(frozen=True)
class Depths:
    """One view's mean depth along z, and opacity."""

    depth: Float[Tensor, "h w"]
    opacity: Float[Tensor, "h w"]

    @property
    def is_solid(self) -> Bool[Tensor, "h w"]:
        """Where there is something to have a depth."""
        return self.opacity > SOLID


@torch.no_grad()
def render_depths(
    gaussians: Gaussians, view: CapturedView, rasterize_mode: Literal["classic", "antialiased"] = "classic"
) -> Depths:
    """How deep these Gaussians lie in a view, with nothing else in the scene."""
    if len(gaussians) == 0:  # gsplat does not draw nothing.
        empty = gaussians.means.new_zeros(view.height, view.width)
        return Depths(empty, empty)
    depth, opacity, _ = rasterization(
        means=gaussians.means, quats=gaussians.quats, scales=gaussians.scales, opacities=gaussians.opacities,
        colors=gaussians.means, viewmats=view.viewmat[None], Ks=view.K[None], width=view.width, height=view.height,
        packed=False, render_mode="ED", rasterize_mode=rasterize_mode,
    )  # fmt: skip
    return Depths(depth[0, ..., 0], opacity[0, ..., 0])


@torch.no_grad()
def unproject(depths: Depths, view: CapturedView, chosen: Bool[Tensor, "h w"]) -> Float[Tensor, "n 3"]:
    """The world points that the chosen pixels show."""
    rows, columns = torch.nonzero(chosen, as_tuple=True)
    z = depths.depth[rows, columns]
    x = (columns + 0.5 - view.K[0, 2]) / view.K[0, 0] * z
    y = (rows + 0.5 - view.K[1, 2]) / view.K[1, 1] * z
    R_camera_world, t_camera_world = view.viewmat[:3, :3], view.viewmat[:3, 3]
    return (torch.stack([x, y, z], dim=1) - t_camera_world) @ R_camera_world
