"""Gaussians moved by a similarity: exactly what one would see by moving the camera the other way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import pi, sqrt

import torch
from jaxtyping import Float, Float64
from scipy.spatial.transform import Rotation
from torch import Tensor

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians

NUM_DIRECTIONS = 32
"""More than the 7 unknowns a row of a degree's matrix has, so that spread directions leave none of them uncertain."""


def transform_gaussians(gaussians: Gaussians, similarity: Similarity) -> Gaussians:
    """The Gaussians in the similarity's target frame, in their own precision and on their own device."""
    return replace(
        gaussians,
        means=similarity.apply(gaussians.means),
        quats=_rotate_quaternions(gaussians.quats, similarity.rotation),
        scales=gaussians.scales * similarity.scale,
        harmonics=rotate_harmonics(gaussians.harmonics, similarity.rotation),
    )


def rotate_harmonics(harmonics: Float[Tensor, "n k 3"], rotation: Float64[Tensor, "3 3"]) -> Float[Tensor, "n k 3"]:
    """Coefficients that give in direction R d the colour the old ones give in d, for mirrored R as well."""
    rotated = [harmonics[:, :1]]
    for degree in range(1, round(harmonics.shape[1] ** 0.5)):
        matrix = harmonics_matrix(rotation, degree).to(harmonics.device)
        band = harmonics[:, degree**2 : (degree + 1) ** 2].double()
        rotated.append((matrix @ band).to(harmonics.dtype))
    return torch.cat(rotated, dim=1)


def harmonics_matrix(rotation: Float64[Tensor, "3 3"], degree: int) -> Float64[Tensor, "m m"]:
    """The matrix, from old to new, of the coefficients of one degree when their function is turned by R.

    Harmonics of a degree stay among themselves under R. Hence Y(d) new = Y(R^T d) old has one solution, which equally
    many directions as coefficients, or more, determine to the last digit.
    """
    directions = _spread_directions(NUM_DIRECTIONS).to(rotation)
    basis = BASES[degree]
    return torch.linalg.lstsq(basis(directions), basis(directions @ rotation)).solution


def _rotate_quaternions(quats: Float[Tensor, "n 4"], rotation: Float64[Tensor, "3 3"]) -> Float[Tensor, "n 4"]:
    """Quaternions, of unchanged lengths, of the Gaussians' axes turned by R."""
    # An ellipsoid is its own image through its centre, so a mirrored R turns it as -R does, which is a rotation.
    proper = rotation * torch.linalg.det(rotation).sign()
    x, y, z, w = Rotation.from_matrix(proper.cpu().numpy()).as_quat().tolist()
    # Left multiplication by w + xi + yj + zk.
    product = [[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]]
    exact = quats.double()
    return (exact @ exact.new_tensor(product).T).to(quats.dtype)


def _spread_directions(count: int) -> Float64[Tensor, "count 3"]:
    """Unit vectors on a spiral that covers the sphere evenly (a Fibonacci lattice)."""
    index = torch.arange(count, dtype=torch.float64)
    z = (2 * index + 1) / count - 1
    turn = index * pi * (3 - sqrt(5))
    radius = (1 - z**2).sqrt()
    return torch.stack([radius * turn.cos(), radius * turn.sin(), z], dim=1)


def _linear(d: Float64[Tensor, "n 3"]) -> Float64[Tensor, "n 3"]:
    x, y, z = d.unbind(1)
    return sqrt(3 / (4 * pi)) * torch.stack([-y, z, -x], dim=1)


def _quadratic(d: Float64[Tensor, "n 3"]) -> Float64[Tensor, "n 5"]:
    x, y, z = d.unbind(1)
    zonal = (3 * z**2 - 1) / sqrt(12)
    return sqrt(15 / (4 * pi)) * torch.stack([x * y, -y * z, zonal, -x * z, (x**2 - y**2) / 2], dim=1)


def _cubic(d: Float64[Tensor, "n 3"]) -> Float64[Tensor, "n 7"]:
    x, y, z = d.unbind(1)
    band = (5 * z**2 - 1) / sqrt(40)
    values = [
        -y * (3 * x**2 - y**2) / sqrt(24),
        x * y * z,
        -y * band,
        z * (5 * z**2 - 3) / sqrt(60),
        -x * band,
        z * (x**2 - y**2) / 2,
        -x * (x**2 - 3 * y**2) / sqrt(24),
    ]
    return sqrt(105 / (4 * pi)) * torch.stack(values, dim=1)


BASES: dict[int, Callable[[Float64[Tensor, "n 3"]], Float64[Tensor, "n m"]]] = {1: _linear, 2: _quadratic, 3: _cubic}
"""The real spherical harmonics of each degree but 0, at unit directions, with gsplat's order and signs."""
