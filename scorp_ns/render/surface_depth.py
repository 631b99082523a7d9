"""How deep the surface lies that Gaussians make up: not where their centres are, but where they begin."""

from __future__ import annotations

import torch
from gsplat.utils import normalized_quat_to_rotmat
from jaxtyping import Bool, Float
from torch import Tensor

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.render.rasterization import rasterization

FRONT = 0.8
"""The surface lies so many standard deviations of a Gaussian before its centre, as seen by a camera: trained Gaussians
lie within the surface and reach up to it, so the depths of their centres are too deep by 1 to 2 % of an object."""

SOLID = 0.5
"""Pixels with less opacity show nothing that has a depth."""


@torch.no_grad()
def front_depths(
    gaussians: Gaussians,
    viewmat: Float[Tensor, "4 4"],
    K: Float[Tensor, "3 3"],
    width: int,
    height: int,
    front: float = FRONT,
) -> tuple[Float[Tensor, "h w"], Bool[Tensor, "h w"]]:
    """Along the camera's axis, the depth of the Gaussians' front, and where there is any; of their middle at 0."""
    viewmat, K = viewmat.to(gaussians.means), K.to(gaussians.means)
    rotations = normalized_quat_to_rotmat(torch.nn.functional.normalize(gaussians.quats, dim=-1))
    directions = torch.nn.functional.normalize(gaussians.means + viewmat[:3, :3].T @ viewmat[:3, 3], dim=1)
    reach = (torch.einsum("nij,ni->nj", rotations, directions) * gaussians.scales).norm(dim=1)
    depths = gaussians.means @ viewmat[2, :3] + viewmat[2, 3] - front * reach
    image, opacity, _ = rasterization(
        gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities,
        depths[:, None].expand(-1, 3).contiguous(), viewmat[None], K[None], width, height,
    )  # fmt: skip
    return image[0, ..., 0] / opacity[0, ..., 0].clamp_min(1e-6), opacity[0, ..., 0] > SOLID
