"""The score of a symmetry: agreement of its images with the fused volume."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from scorp_ns.generate.symmetry.visual_hull import FusedVolume
from scorp_ns.surfaces.marching import extract_surface

Motion = Callable[[np.ndarray], np.ndarray]

TOLERANCE = 0.012
"""An image of the surface may lie so far in free space, as a share of the diagonal."""

SEEN = 0.02
"""The carved surface counts as seen within this distance of the TSDF's surface, as a share of the diagonal."""

VOLUME_PRICE = 0.15
"""The cost of filling the whole carved volume, where explaining nothing that was seen costs 1."""

MISMATCH_PRICE = 0.3
"""The cost if no image of the seen surface meets the surface seen there."""


@dataclass(frozen=True)
class SymmetryEvidence:
    """Samples of an object's fused volume that symmetry hypotheses are scored on."""

    volume: FusedVolume
    seen: Float[np.ndarray, "n 3"]
    """Random points of the seen surface."""
    normals: Float[np.ndarray, "n 3"]
    """Outward unit normals there."""
    inside: Float[np.ndarray, "m 3"]
    """Random points inside the carved volume."""
    diagonal: float
    solid: Float[np.ndarray, "x y z"]
    """Signed distances to the carved volume, on the grid."""
    seen_share: float
    """The seen share of its surface."""
    volume_price: float = VOLUME_PRICE

    def part(self, chosen: Bool[np.ndarray, " n"]) -> SymmetryEvidence:
        """The evidence with some of the seen points only."""
        return replace(self, seen=self.seen[chosen], normals=self.normals[chosen])

    def shares(self, motions: Sequence[Motion]) -> tuple[float, float]:
        """The share of the seen surface whose images all agree with the views, and that of the carved volume kept."""
        left = np.max([self.values(motion(self.inside)) for motion in motions], axis=0)
        return float(1 - self.violated(motions).mean()), float((left < 0).mean())

    def violated(self, motions: Sequence[Motion]) -> Float[np.ndarray, " n"]:
        """The disagreement of each seen point's images with the views, 0 to 1."""
        values = np.max([self.values(motion(self.seen)) for motion in motions], axis=0)
        return np.clip(values / (TOLERANCE * self.diagonal) - 0.5, 0, 1)

    def cost(self, motions: Sequence[Motion]) -> float:
        """The cost of a symmetry: unexplained surface, filled space and mismatch."""
        explained, left = self.shares(motions)
        return 1 - explained + self.volume_price * left + MISMATCH_PRICE * self.mismatch(motions)

    def mismatch(self, motions: Sequence[Motion]) -> float:
        """The mean distance between images of the seen surface and the surface seen there, 0 to 1."""
        total = []
        for motion in motions:
            images = motion(self.seen)
            known = (self.values(images, self.volume.weight, 0.0) > 0.5) & (self.values(images) < self.volume.band)
            distances = np.abs(self.values(images, self.volume.tsdf))
            total.append(np.where(known, np.clip(distances / (2 * TOLERANCE * self.diagonal), 0, 1), 0.0).mean())
        return float(np.mean(total))

    def values(
        self,
        points: Float[np.ndarray, "n 3"],
        field: Float[np.ndarray, "x y z"] | None = None,
        beyond: float | None = None,
    ) -> Float[np.ndarray, " n"]:
        """Nearest-neighbour values at points of a field on the grid, of `solid` by default."""
        volume = self.volume
        field = self.solid if field is None else field
        places = np.rint((points - volume.grid.origin) / volume.grid.spacing).astype(np.int64)
        within = ((places >= 0) & (places < volume.grid.shape)).all(axis=1)
        places = np.where(within[:, None], places, 0)
        found = field[places[:, 0], places[:, 1], places[:, 2]]
        return np.where(within, found, volume.band if beyond is None else beyond)


def symmetry_evidence(volume: FusedVolume, diagonal: float, number: int = 1500, seed: int = 0) -> SymmetryEvidence:
    """The evidence in a fused volume."""
    solid = volume.solid
    vertices, _ = extract_surface(solid, volume.grid)
    vertices = vertices.astype(np.float64)
    weight, distance = volume.at(volume.weight, vertices, 0.0), volume.at(volume.tsdf, vertices, volume.band)
    random = np.random.default_rng(seed)
    seen = vertices[(weight > 0.5) & (np.abs(distance) < SEEN * diagonal)]
    seen_share = len(seen) / max(1, len(vertices))
    inside = volume.grid.points[solid.reshape(-1) < 0].astype(np.float64)
    seen = seen[random.permutation(len(seen))[:number]]
    inside = inside[random.permutation(len(inside))[:number]]
    slopes = np.stack([volume.at(slope, seen, 0.0) for slope in np.gradient(solid)], axis=1)
    normals = slopes / np.maximum(np.linalg.norm(slopes, axis=1, keepdims=True), 1e-9)
    return SymmetryEvidence(volume, seen, normals, inside, diagonal, solid, seen_share)
