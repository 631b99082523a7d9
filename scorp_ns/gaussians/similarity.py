"""Similarities: maps of space that keep angles, as between a capture's own frame and the frame of training."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from scorp_ns.cameras import Camera

ORTHOGONAL_TOLERANCE = 1e-9
"""Largest error of the products of a rotation's columns: rounding of float64, composed many times over."""

MATRIX_TOLERANCE = 1e-4
"""The same for a matrix from elsewhere, which may have passed through float32 or a few printed digits."""


@dataclass(frozen=True)
class Similarity:
    """x_target = scale * rotation @ x_source + translation."""

    rotation: Float64[Tensor, "3 3"]
    """Orthogonal; of determinant -1 where the source is the target's mirror image."""
    translation: Float64[Tensor, " 3"]
    scale: float

    def __post_init__(self) -> None:
        assert math.isfinite(self.scale) and self.scale > 0
        assert bool(self.translation.isfinite().all())
        assert _is_orthogonal(self.rotation, ORTHOGONAL_TOLERANCE)

    @classmethod
    def identity(cls) -> Similarity:
        """The similarity that leaves everything where it is."""
        return cls(torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64), 1.0)

    @classmethod
    def from_matrix(cls, matrix: Float[Tensor, "4 4"] | Float[Tensor, "3 4"], scale: float = 1.0) -> Similarity:
        """x_target = scale * (matrix[:3, :3] @ x_source + matrix[:3, 3]): `scale` multiplies the translation as well.

        It takes nerfstudio's `dataparser_transform` and `dataparser_scale` as they are, and undoes `Similarity.matrix`:
        the matrix may hold a uniform scale of its own.
        """
        rows = matrix.double()
        assert len(rows) == 3 or torch.equal(rows[3], rows.new_tensor([0.0, 0.0, 0.0, 1.0]))
        own_scale = float(torch.linalg.det(rows[:3, :3]).abs()) ** (1 / 3)
        assert own_scale > 0
        rotation = _nearest_orthogonal(rows[:3, :3] / own_scale)
        return cls(rotation, scale * rows[:3, 3], scale * own_scale)

    @property
    def is_mirrored(self) -> bool:
        """True if the similarity turns a left hand into a right one."""
        return float(torch.linalg.det(self.rotation)) < 0

    @property
    def matrix(self) -> Float64[Tensor, "4 4"]:
        """The homogeneous matrix: scale * rotation and translation over 0 0 0 1."""
        matrix = torch.eye(4).to(self.rotation)
        matrix[:3, :3] = self.scale * self.rotation
        matrix[:3, 3] = self.translation
        return matrix

    def apply(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Points of the source in the target, in their own precision and on their own device."""
        exact = points.double()
        moved = self.scale * exact @ self.rotation.to(exact).T + self.translation.to(exact)
        return moved.to(points.dtype)

    def inverse(self) -> Similarity:
        """The similarity from the target to the source."""
        return Similarity(self.rotation.T, -self.rotation.T @ self.translation / self.scale, 1 / self.scale)

    def camera_in_source(self, camera: Camera) -> Camera:
        """A camera of the target in the source's frame and units, where depths are smaller by the scale."""
        exact = camera.exact()
        viewmat = torch.eye(4, dtype=torch.float64)
        viewmat[:3, :3] = exact.rotation @ self.rotation
        viewmat[:3, 3] = (exact.rotation @ self.translation + exact.translation) / self.scale
        return replace(exact, viewmat=viewmat)

    def __matmul__(self, first: Similarity) -> Similarity:
        """The similarity that does `first`, then this one."""
        return Similarity(self.rotation @ first.rotation, self.apply(first.translation), self.scale * first.scale)


def _is_orthogonal(matrix: Float64[Tensor, "3 3"], tolerance: float) -> bool:
    """True if the columns are unit vectors at right angles; a NaN is not."""
    return bool(((matrix.T @ matrix - torch.eye(3).to(matrix)).abs() < tolerance).all())


def _nearest_orthogonal(matrix: Float64[Tensor, "3 3"]) -> Float64[Tensor, "3 3"]:
    """The orthogonal matrix of the polar decomposition, for a matrix that is orthogonal but for rounding."""
    assert _is_orthogonal(matrix, MATRIX_TOLERANCE), "The matrix shears or stretches space, or is no number."
    U, _, Vh = torch.linalg.svd(matrix)
    return U @ Vh
