"""Placements: similarities that may also stretch, as generators of shapes get proportions wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Float64
from scipy.spatial.transform import Rotation
from torch import Tensor

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.gaussians.transform import rotate_harmonics
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
        """The placement that stretches nothing."""
        assert not similarity.is_mirrored
        return cls(similarity.scale * similarity.rotation, similarity.translation)

    @classmethod
    def from_parts(
        cls,
        rotation: Float64[Tensor, "3 3"],
        translation: Float64[Tensor, " 3"],
        factors: Float64[Tensor, " 3"],
        axes: Float64[Tensor, "3 3"],
    ) -> Affine:
        """x_target = R Q^T diag(factors) Q x_source + t; the rows of Q are the source's directions of stretch."""
        return cls(rotation @ axes.T @ torch.diag(factors) @ axes, translation)

    @property
    def rotation(self) -> Float64[Tensor, "3 3"]:
        """The rotation that is nearest to what the placement does."""
        U, _, Vh = torch.linalg.svd(self.linear)
        return U @ Vh

    @property
    def scale(self) -> float:
        """The cube root of how much larger volumes become."""
        return float(torch.linalg.det(self.linear)) ** (1 / 3)

    @property
    def factors(self) -> Float64[Tensor, " 3"]:
        """By how much the three directions of stretch become longer, the longest first."""
        return torch.linalg.svdvals(self.linear)

    @property
    def similarity(self) -> Similarity:
        """The same without stretch: it leaves the source's origin where the placement puts it."""
        return Similarity(self.rotation, self.translation, self.scale)

    def apply(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Points of the source in the target, in their own precision and on their own device."""
        exact = points.double()
        return (exact @ self.linear.to(exact).T + self.translation.to(exact)).to(points.dtype)

    def inverse(self) -> Affine:
        """The placement from the target to the source."""
        linear = torch.linalg.inv(self.linear)
        return Affine(linear, -linear @ self.translation)

    def __matmul__(self, first: Affine) -> Affine:
        """The placement that does `first`, then this one."""
        return Affine(self.linear @ first.linear, self.apply(first.translation))


def place_gaussians(gaussians: Gaussians, placement: Affine) -> Gaussians:
    """The Gaussians in the target frame: their ellipsoids exactly, their colours turned by the nearest rotation."""
    device = gaussians.means.device
    turned = Rotation.from_quat(gaussians.quats.double().cpu().numpy()[:, [1, 2, 3, 0]]).as_matrix()
    axes = torch.from_numpy(turned) * gaussians.scales.double().cpu()[:, None]
    new_axes, lengths, _ = torch.linalg.svd(placement.linear @ axes)
    # An ellipsoid does not care which way its axes point, but a rotation does.
    new_axes *= torch.linalg.det(new_axes).sign()[:, None, None]
    quats = Rotation.from_matrix(new_axes.numpy()).as_quat()[:, [3, 0, 1, 2]]
    return replace(
        gaussians,
        means=placement.apply(gaussians.means),
        quats=torch.from_numpy(quats).to(device, gaussians.quats.dtype),
        scales=lengths.to(device, gaussians.scales.dtype),
        harmonics=rotate_harmonics(gaussians.harmonics, placement.rotation),
    )


keep_old_names(__name__, Placement="Affine")
