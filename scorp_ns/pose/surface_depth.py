"""How deep the object's surface lies in a sight, by its own Gaussians where they show it."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float32
from scipy.spatial.transform import Rotation

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import Sight
from scorp_ns.render import rasterization

FRONT = 0.8
"""The surface lies so many standard deviations of a Gaussian before its centre, as seen by a camera: trained Gaussians
lie within the surface and reach up to it, so the depths of their centres are too deep by 1 to 2 % of an object."""

SOLID = 0.5
"""Pixels with less opacity of the object's own Gaussians have only the scene's depth."""

MOST_DIFFERENCE = 0.15
"""Depths that differ by more than this share of the object's diagonal are not of the same surface."""


def surface_depth(gaussians: Gaussians, sight: Sight, diagonal: float) -> Float32[np.ndarray, "h w"]:
    """The scene's depth, made better by the fronts of the object's own Gaussians where they agree with it."""
    viewmat = sight.viewmat.float().to(gaussians.means)
    height, width = sight.depth.shape
    wxyz = gaussians.quats.cpu().numpy()
    rotations = torch.from_numpy(Rotation.from_quat(wxyz[:, [1, 2, 3, 0]]).as_matrix()).to(gaussians.means)
    directions = torch.nn.functional.normalize(gaussians.means + viewmat[:3, :3].T @ viewmat[:3, 3], dim=1)
    reach = (torch.einsum("nij,ni->nj", rotations, directions) * gaussians.scales).norm(dim=1)
    depths = gaussians.means @ viewmat[2, :3] + viewmat[2, 3] - FRONT * reach
    image, opacity, _ = rasterization(
        gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities,
        depths[:, None].expand(-1, 3).contiguous(), viewmat[None], sight.K.float().to(viewmat)[None], width, height,
    )  # fmt: skip
    opacity = opacity[0, ..., 0].cpu().numpy()
    front = image[0, ..., 0].cpu().numpy() / np.maximum(opacity, 1e-6)
    is_better = (opacity > SOLID) & (np.abs(front - sight.depth) < MOST_DIFFERENCE * diagonal)
    return np.where(is_better, front, sight.depth).astype(np.float32)
