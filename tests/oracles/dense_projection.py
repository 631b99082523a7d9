"""Gaussians seen by one pinhole camera, in the plain matrices of the papers: the referee's projection and colour."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

TILE = 16
"""Pixels a side of the squares that decide, all or nothing, whether a Gaussian is evaluated there."""


@dataclass(frozen=True)
class View:
    """One camera and the limits beyond which it ignores a Gaussian."""

    T_camera_world: Float[Tensor, "4 4"]
    K: Float[Tensor, "3 3"]
    width: int
    height: int
    near_plane: float = 0.01
    far_plane: float = 1e10
    radius_clip: float = 0.0
    eps2d: float = 0.3


@dataclass(frozen=True)
class Splats:
    """The Gaussians `ids` as one view sees them, nearest first."""

    ids: Int[Tensor, " v"]
    means2d: Float[Tensor, "v 2"]
    conics: Float[Tensor, "v 2 2"]
    compensations: Float[Tensor, " v"]
    depths: Float[Tensor, " v"]
    extents: Float[Tensor, " v"]

    @property
    def radii(self) -> Float[Tensor, " v"]:
        """Half the side of the square of pixels a splat may touch."""
        return self.extents.ceil()

    def __getitem__(self, chosen: Bool[Tensor, " v"]) -> Splats:
        return Splats(**{name: table[chosen] for name, table in vars(self).items()})


def rotation_matrices(quats: Float[Tensor, "n 4"]) -> Float[Tensor, "n 3 3"]:
    """The rotations of wxyz quaternions of any length: v + 2 w (u x v) + 2 u x (u x v), as I + 2 w U + 2 U U."""
    w, x, y, z = (quats / quats.norm(dim=-1, keepdim=True)).unbind(-1)
    zero = torch.zeros_like(w)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(-1, 3, 3)
    eye = torch.eye(3, dtype=quats.dtype, device=quats.device)
    return eye + 2 * w[:, None, None] * cross + 2 * cross @ cross


def covariances(quats: Float[Tensor, "n 4"], scales: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3 3"]:
    """R diag(s^2) R^T."""
    R = rotation_matrices(quats)
    return R @ torch.diag_embed(scales**2) @ R.mT


def perspective_jacobians(means_camera: Float[Tensor, "n 3"], view: View) -> Float[Tensor, "n 2 3"]:
    """d(pixel)/d(camera point), at points drawn in to 0.15 image sizes beyond the image border.

    The local affine approximation explodes towards 90 degrees off axis; this bound is part of the image's definition.
    """
    fx, fy, cx, cy = view.K[0, 0], view.K[1, 1], view.K[0, 2], view.K[1, 2]
    x, y, z = means_camera.unbind(-1)
    slack_x, slack_y = 0.15 * view.width / fx, 0.15 * view.height / fy
    slope_x = torch.minimum(torch.maximum(x / z, -cx / fx - slack_x), (view.width - cx) / fx + slack_x)
    slope_y = torch.minimum(torch.maximum(y / z, -cy / fy - slack_y), (view.height - cy) / fy + slack_y)
    zero = torch.zeros_like(z)
    rows = [fx / z, zero, -fx * slope_x / z, zero, fy / z, -fy * slope_y / z]
    return torch.stack(rows, dim=-1).reshape(-1, 2, 3)


def extents(covariances2d: Float[Tensor, "n 2 2"]) -> Float[Tensor, " n"]:
    """Three standard deviations along the longest axis, in pixels, before rounding up."""
    half_trace = covariances2d.diagonal(dim1=-2, dim2=-1).mean(-1)
    spread = (half_trace**2 - torch.linalg.det(covariances2d)).clamp(min=0.01).sqrt()
    return 3 * (half_trace + spread).sqrt()


def in_depth_range(means: Float[Tensor, "n 3"], quats: Float[Tensor, "n 4"], view: View) -> Int[Tensor, " v"]:
    """The Gaussians between near and far plane that have a rotation, nearest first.

    The others are left out before the algebra rather than masked after it: 0 * inf would poison the gradients.
    """
    depths = means.detach() @ view.T_camera_world[2, :3].detach() + view.T_camera_world[2, 3].detach()
    ids = ((depths >= view.near_plane) & (depths <= view.far_plane) & (quats.norm(dim=-1) > 0)).nonzero().squeeze(-1)
    return ids[torch.argsort(depths[ids], stable=True)]


def splat(means: Float[Tensor, "n 3"], quats: Float[Tensor, "n 4"], scales: Float[Tensor, "n 3"], view: View) -> Splats:
    """All Gaussians in depth range, wherever on or off the image they fall."""
    ids = in_depth_range(means, quats, view)
    R, t = view.T_camera_world[:3, :3], view.T_camera_world[:3, 3]
    means_camera = means[ids] @ R.T + t
    J_pixel_world = perspective_jacobians(means_camera, view) @ R
    sharp = J_pixel_world @ covariances(quats[ids], scales[ids]) @ J_pixel_world.mT
    blurred = sharp + view.eps2d * torch.eye(2, dtype=means.dtype, device=means.device)
    homogeneous = means_camera @ view.K.T
    return Splats(
        ids=ids,
        means2d=homogeneous[:, :2] / homogeneous[:, 2:],
        conics=torch.linalg.inv(blurred),
        compensations=(torch.linalg.det(sharp) / torch.linalg.det(blurred)).clamp(min=0).sqrt(),
        depths=means_camera[:, 2],
        extents=extents(blurred.detach()),
    )


def project(
    means: Float[Tensor, "n 3"], quats: Float[Tensor, "n 4"], scales: Float[Tensor, "n 3"], view: View
) -> Splats:
    """What the view draws: splats whose square overlaps the image and is larger than the radius limit."""
    splats = splat(means, quats, scales, view)
    size = torch.tensor([view.width, view.height], dtype=means.dtype, device=means.device)
    centres, reach = splats.means2d.detach(), splats.radii[:, None]
    on_image = ((centres + reach > 0) & (centres - reach < size)).all(-1)
    return splats[on_image & (splats.radii > view.radius_clip)]


def tile_boxes(splats: Splats, tiles_x: int, tiles_y: int) -> tuple[Float[Tensor, "v 2"], Float[Tensor, "v 2"]]:
    """First tile (inclusive) and last tile (exclusive) that each splat's square of side 2 * radius reaches."""
    limit = torch.tensor([tiles_x, tiles_y], dtype=splats.means2d.dtype, device=splats.means2d.device)
    centres, reach = splats.means2d.detach() / TILE, splats.radii[:, None] / TILE
    first = torch.minimum((centres - reach).floor().clamp(min=0), limit)
    last = torch.minimum((centres + reach).ceil().clamp(min=0), limit)
    return first, last


def harmonics(directions: Float[Tensor, "n 3"], degree: int) -> Float[Tensor, "n k"]:
    """Real spherical harmonics up to degree 3 at unit directions, with the signs Gaussian splatting uses."""
    x, y, z = directions.unbind(-1)
    bands = [sqrt(1 / (4 * pi)) * torch.ones_like(x)]
    if degree >= 1:
        bands += [sqrt(3 / (4 * pi)) * p for p in (-y, z, -x)]
    if degree >= 2:
        off_diagonal = [sqrt(15 / (4 * pi)) * p for p in (x * y, -y * z, -x * z)]
        zonal = sqrt(5 / (16 * pi)) * (2 * z**2 - x**2 - y**2)
        bands += [*off_diagonal[:2], zonal, off_diagonal[2], sqrt(15 / (16 * pi)) * (x**2 - y**2)]
    if degree >= 3:
        bands += [
            -sqrt(35 / (32 * pi)) * y * (3 * x**2 - y**2),
            sqrt(105 / (4 * pi)) * x * y * z,
            -sqrt(21 / (32 * pi)) * y * (4 * z**2 - x**2 - y**2),
            sqrt(7 / (16 * pi)) * z * (2 * z**2 - 3 * x**2 - 3 * y**2),
            -sqrt(21 / (32 * pi)) * x * (4 * z**2 - x**2 - y**2),
            sqrt(105 / (16 * pi)) * z * (x**2 - y**2),
            -sqrt(35 / (32 * pi)) * x * (x**2 - 3 * y**2),
        ]
    if degree > 3:
        raise NotImplementedError("The oracle has spherical harmonics up to degree 3.")
    return torch.stack(bands, dim=-1)


def view_colors(
    means: Float[Tensor, "n 3"], coefficients: Float[Tensor, "n k 3"], view: View, degree: int
) -> Float[Tensor, "n 3"]:
    """The colours seen from the view: half grey plus the harmonics' sum, never below zero."""
    position = torch.linalg.inv(view.T_camera_world)[:3, 3]
    offsets = means - position
    basis = harmonics(offsets / offsets.norm(dim=-1, keepdim=True), degree)
    return (0.5 + torch.einsum("nk,nkc->nc", basis, coefficients[:, : basis.shape[1]])).clamp(min=0)
