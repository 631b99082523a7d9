"""How well a symmetry agrees with what was seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from scorp_ns.generate.symmetry.visual_hull import Space
from scorp_ns.surfaces.marching import extract_surface

Motion = Callable[[np.ndarray], np.ndarray]

TOLERANCE = 0.012
"""A copy of the surface may lie so far in free space, as a share of the diagonal."""

SEEN = 0.02
"""What is left of space ends at the surface that views saw if it ends so near to it, as a share of the diagonal."""

VOLUME_PRICE = 0.15
"""What it costs to leave all the possible space filled, where explaining nothing that was seen costs 1."""


MISMATCH_PRICE = 0.3
"""What it costs that no image of the seen surface meets the surface seen there."""


@dataclass(frozen=True)
class Evidence:
    """What hypotheses are judged by."""

    space: Space
    seen: Float[np.ndarray, "n 3"]
    """Points of the surface that views saw, evenly."""
    normals: Float[np.ndarray, "n 3"]
    """Unit normals there, outwards."""
    inside: Float[np.ndarray, "m 3"]
    """Points of the space that is left possible, evenly."""
    diagonal: float
    solid: Float[np.ndarray, "x y z"]
    """Distances to what the views leave possible, on the grid."""
    seen_share: float
    """How much of the surface of that was seen."""
    volume_price: float = VOLUME_PRICE

    def part(self, chosen: Bool[np.ndarray, " n"]) -> Evidence:
        """The same with some of the seen points."""
        return replace(self, seen=self.seen[chosen], normals=self.normals[chosen])

    def shares(self, motions: Sequence[Motion]) -> tuple[float, float]:
        """The share of the seen surface whose images all agree with the views, and that of the space that stays."""
        left = np.max([self.values(motion(self.inside)) for motion in motions], axis=0)
        return float(1 - self.violated(motions).mean()), float((left < 0).mean())

    def violated(self, motions: Sequence[Motion]) -> Float[np.ndarray, " n"]:
        """How much the images of seen points disagree with the views, each from 0 to 1."""
        values = np.max([self.values(motion(self.seen)) for motion in motions], axis=0)
        return np.clip(values / (TOLERANCE * self.diagonal) - 0.5, 0, 1)

    def cost(self, motions: Sequence[Motion]) -> float:
        explained, left = self.shares(motions)
        return 1 - explained + self.volume_price * left + MISMATCH_PRICE * self.mismatch(motions)

    def mismatch(self, motions: Sequence[Motion]) -> float:
        """How far the images of the seen surface are from the surface seen where they are, from 0 to 1."""
        total = []
        for motion in motions:
            images = motion(self.seen)
            known = (self.values(images, self.space.weight, 0.0) > 0.5) & (self.values(images) < self.space.band)
            distances = np.abs(self.values(images, self.space.surface))
            total.append(np.where(known, np.clip(distances / (2 * TOLERANCE * self.diagonal), 0, 1), 0.0).mean())
        return float(np.mean(total))

    def values(
        self,
        points: Float[np.ndarray, "n 3"],
        field: Float[np.ndarray, "x y z"] | None = None,
        beyond: float | None = None,
    ) -> Float[np.ndarray, " n"]:
        """Values of a field on the grid, of the possible space if none is named, at the nearest places to points."""
        space = self.space
        field = self.solid if field is None else field
        places = np.rint((points - space.grid.origin) / space.grid.spacing).astype(np.int64)
        within = ((places >= 0) & (places < space.grid.shape)).all(axis=1)
        places = np.where(within[:, None], places, 0)
        found = field[places[:, 0], places[:, 1], places[:, 2]]
        return np.where(within, found, space.band if beyond is None else beyond)


def gather_evidence(space: Space, diagonal: float, number: int = 1500, seed: int = 0) -> Evidence:
    solid = space.solid
    vertices, _ = extract_surface(solid, space.grid)
    vertices = vertices.astype(np.float64)
    weight, distance = space.at(space.weight, vertices, 0.0), space.at(space.surface, vertices, space.band)
    random = np.random.default_rng(seed)
    seen = vertices[(weight > 0.5) & (np.abs(distance) < SEEN * diagonal)]
    seen_share = len(seen) / max(1, len(vertices))
    inside = space.grid.points[solid.reshape(-1) < 0].astype(np.float64)
    seen = seen[random.permutation(len(seen))[:number]]
    inside = inside[random.permutation(len(inside))[:number]]
    slopes = np.stack([space.at(slope, seen, 0.0) for slope in np.gradient(solid)], axis=1)
    normals = slopes / np.maximum(np.linalg.norm(slopes, axis=1, keepdims=True), 1e-9)
    return Evidence(space, seen, normals, inside, diagonal, solid, seen_share)
