"""Affine maps: similarities that may also stretch, as generators of shapes get proportions wrong."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.old_paths import keep_old_names


@dataclass(frozen=True)
class Affine:
    """x_target = linear @ x_source + translation, where `linear` turns and stretches but does not mirror."""

    linear: Float64[Tensor, "3 3"]
    translation: Float64[Tensor, " 3"]

    def __post_init__(self) -> None:
        assert bool(self.linear.isfinite().all()) and bool(self.translation.isfinite().all())
        assert float(torch.linalg.det(self.linear)) > 0

    @classmethod
    def from_similarity(cls, similarity: Similarity) -> Affine:
        """The affine map that stretches nothing."""
        assert not similarity.is_mirrored
        return cls(similarity.scale * similarity.rotation, similarity.translation)

    @property
    def rotation(self) -> Float64[Tensor, "3 3"]:
        """The rotation nearest to the map (polar decomposition)."""
        U, _, Vh = torch.linalg.svd(self.linear)
        return U @ Vh

    @property
    def scale(self) -> float:
        """The cube root of the factor of volumes."""
        return float(torch.linalg.det(self.linear)) ** (1 / 3)

    @property
    def factors(self) -> Float64[Tensor, " 3"]:
        """The singular values: factors along the three directions of stretch, the largest first."""
        return torch.linalg.svdvals(self.linear)

    @property
    def similarity(self) -> Similarity:
        """The same without stretch: it puts the source's origin in the same place."""
        return Similarity(self.rotation, self.translation, self.scale)

    def apply(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Points of the source in the target, in their own precision and on their own device."""
        exact = points.double()
        return (exact @ self.linear.to(exact).T + self.translation.to(exact)).to(points.dtype)

    def inverse(self) -> Affine:
        """The map from the target to the source."""
        linear = torch.linalg.inv(self.linear)
        return Affine(linear, -linear @ self.translation)

    def __matmul__(self, first: Affine) -> Affine:
        """The map that does `first`, then this one."""
        return Affine(self.linear @ first.linear, self.apply(first.translation))


keep_old_names(__name__, Placement="Affine")
