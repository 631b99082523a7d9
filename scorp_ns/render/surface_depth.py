"""Depths of Gaussians: of their centres, and of the surface that they make up, which lies where they begin."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from gsplat.utils import normalized_quat_to_rotmat
from jaxtyping import Bool, Float
from torch import Tensor

from scorp_ns.cameras import Camera
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.render.gaussians import SOLID as SOLID
from scorp_ns.render.gaussians import Render, render

FRONT = 0.8
"""The surface lies so many standard deviations of a Gaussian before its centre, as seen by a camera: trained Gaussians
lie within the surface and reach up to it, so the depths of their centres are too deep by 1 to 2 % of an object."""


@torch.no_grad()
def render_depths(
    gaussians: Gaussians, camera: Camera, rasterize_mode: Literal["classic", "antialiased"] = "classic"
) -> Render:
    """The mean depth of the Gaussians' centres, with nothing else in the scene and without intermediates to keep."""
    return replace(render(gaussians, camera, "ED", rasterize_mode=rasterize_mode), info={})


@torch.no_grad()
def front_depths(
    gaussians: Gaussians, camera: Camera, front: float = FRONT
) -> tuple[Float[Tensor, "h w"], Bool[Tensor, "h w"]]:
    """Along the camera's axis, the depth of the Gaussians' front, and where there is any; of their middle at 0."""
    camera = camera.to(gaussians.means)
    rotations = normalized_quat_to_rotmat(torch.nn.functional.normalize(gaussians.quats, dim=-1))
    directions = torch.nn.functional.normalize(gaussians.means - camera.center, dim=1)
    reach = (torch.einsum("nij,ni->nj", rotations, directions) * gaussians.scales).norm(dim=1)
    depths = gaussians.means @ camera.viewmat[2, :3] + camera.viewmat[2, 3] - front * reach
    drawn = render(gaussians, camera, channels=depths[:, None].expand(-1, 3).contiguous())
    return drawn.colors[..., 0] / drawn.alpha.clamp_min(1e-6), drawn.is_solid
