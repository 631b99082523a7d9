"""What photographs say of space: where the object's surface is, and where nothing of it can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage
from scipy.spatial.transform import Rotation
from torch import Tensor

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.generate.symmetry.frames import UprightFrame
from scorp_ns.products import BACKGROUND, VISIBLE, Sight
from scorp_ns.render import rasterization

FRONT = 0.8
"""The surface lies so many standard deviations of a Gaussian before its centre, as seen by a camera: trained Gaussians
lie within the surface and reach up to it, so the depths of their centres are too deep by 1 to 2 % of an object."""

SOLID = 0.5
"""Pixels with less opacity of the object's own Gaussians have no depth of the object."""

STEEP = 0.15
"""Surfaces that a camera sees at a smaller cosine than this tell no depth."""

FAR = 1e4
"""A depth beyond everything, in the capture's units."""


@dataclass(frozen=True)
class Observation:
    """What one sight says of the pixels of its window."""

    outside: Float[Tensor, "h w"]
    """How many pixels it is to what may be the object, negative within it; the object's outline is at 0."""
    depth: Float[Tensor, "h w"]
    """Of the first thing that hides what is behind it; 0 where it is the object at an unknown depth."""
    weight: Float[Tensor, "h w"]
    """How well the depth of the object's surface is known, 0 to 1."""
    cosine: Float[Tensor, "h w"]
    """Of the angle at which the camera sees the surface."""
    is_cut: bool
    """Whether the object may go on beyond the window's border."""
    viewmat: Float[Tensor, "4 4"]
    K: Float[Tensor, "3 3"]

    def project(self, points: Float[Tensor, "n 3"]) -> tuple[Tensor, Tensor, Tensor]:
        """Columns, rows and depths of points; the middle of the first pixel is at 0, 0."""
        in_camera = points @ self.viewmat[:3, :3].T + self.viewmat[:3, 3]
        z = in_camera[:, 2]
        safe = z.clamp_min(1e-6)
        columns = self.K[0, 0] * in_camera[:, 0] / safe + self.K[0, 2] - 0.5
        rows = self.K[1, 1] * in_camera[:, 1] / safe + self.K[1, 2] - 0.5
        return columns, rows, z


def observe(sights: Sequence[Sight], gaussians: Gaussians, frame: UprightFrame) -> list[Observation]:
    """What the sights say in the upright frame, with the depth of the object's surface from its own Gaussians."""
    return [_observe(sight, gaussians, frame) for sight in sights]


def _observe(sight: Sight, gaussians: Gaussians, frame: UprightFrame) -> Observation:
    is_object = sight.roles == VISIBLE
    possible = sight.roles != BACKGROUND
    surface, is_solid = front_depths(gaussians, sight)
    is_known = is_object & is_solid
    depth = np.where(np.isfinite(sight.depth), sight.depth, FAR)
    depth = np.where(is_object, np.where(is_solid, surface, 0.0), depth).astype(np.float32)
    cosine, is_smooth = _facing(depth, is_known, sight)
    weight = is_known & is_smooth & (cosine > STEEP)
    border = np.ones_like(is_object)
    border[1:-1, 1:-1] = False
    return Observation(
        outside=torch.from_numpy(_signed_pixels(possible)),
        depth=torch.from_numpy(depth),
        weight=torch.from_numpy(np.where(weight, cosine, 0.0).astype(np.float32)),
        cosine=torch.from_numpy(cosine.astype(np.float32)),
        is_cut=bool((border & possible).any()),
        viewmat=frame.camera(sight.viewmat).float(),
        K=sight.K.float(),
    )


def _signed_pixels(inside: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Distance to the outline between pixels, negative inside."""
    if inside.all():
        return np.full(inside.shape, -float(max(inside.shape)), np.float32)
    depth, distance = (np.asarray(ndimage.distance_transform_edt(part)) for part in (inside, ~inside))
    return np.where(inside, 0.5 - depth, distance - 0.5).astype(np.float32)


def front_depths(gaussians: Gaussians, sight: Sight) -> tuple[Float[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """How deep the front of the object's own Gaussians lies, and where there is any."""
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
    opacity = opacity[0, ..., 0]
    depth = image[0, ..., 0] / opacity.clamp_min(1e-6)
    return depth.cpu().numpy(), (opacity > SOLID).cpu().numpy()


def _facing(
    depth: Float[np.ndarray, "h w"], is_known: Bool[np.ndarray, "h w"], sight: Sight
) -> tuple[Float[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """The cosine at which each pixel's surface is seen, and whether its neighbours lie on one surface with it."""
    K = sight.K.numpy()
    rows, columns = np.indices(depth.shape)
    rays = np.stack([(columns + 0.5 - K[0, 2]) / K[0, 0], (rows + 0.5 - K[1, 2]) / K[1, 1], np.ones(depth.shape)], -1)
    points = rays * np.where(is_known, depth, 0.0)[..., None]
    whole = ndimage.binary_erosion(is_known, np.ones((3, 3)))
    if min(depth.shape) < 3:
        return np.zeros(depth.shape), np.zeros(depth.shape, bool)
    normals = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    lengths = np.linalg.norm(normals, axis=-1) * np.linalg.norm(rays, axis=-1)
    cosine = np.abs((normals * rays).sum(axis=-1)) / np.maximum(lengths, 1e-12)
    return np.where(whole, cosine, 0.0), whole
