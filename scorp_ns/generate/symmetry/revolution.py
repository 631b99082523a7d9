"""The axis and the profile of a body of revolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import ndimage, optimize

from scorp_ns.generate.symmetry.symmetry_score import TOLERANCE, SymmetryEvidence
from scorp_ns.generate.symmetry.visual_hull import FusedVolume

NUM_TURNS = 60
"""Rotations at which a ring about the axis is sampled."""

NUM_COARSE_TURNS = 16
"""The same during the search for the axis."""

AGREEING = 0.8
"""Quantile of free space over a ring: a handle is no wall."""

STEPS_ACROSS = 15
"""Axes to try along each side of the object."""

FACING = 0.5
"""Least cosine between an outer normal and the radial direction."""

LEAST_POINTS = 40
"""Fewest points to fit rings to."""

NUM_SLICES = 24
"""Slices of equally many points that the body is cut into."""

CENTERINGS = 2
"""Rounds of choosing the outer points anew after the first."""

VIOLATING = 0.15
"""A seen point belongs to the body if at most this share of its ring is free space."""


@dataclass(frozen=True)
class Axis:
    """An upright axis."""

    x: float
    y: float

    def turned(self, points: Float[np.ndarray, "n 3"], angle: float) -> Float[np.ndarray, "n 3"]:
        """The points rotated about the axis."""
        cos, sin = np.cos(angle), np.sin(angle)
        x, y = points[:, 0] - self.x, points[:, 1] - self.y
        return np.stack([self.x + cos * x - sin * y, self.y + sin * x + cos * y, points[:, 2]], axis=1)

    def radii(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
        """Distances of points from the axis."""
        return np.hypot(points[:, 0] - self.x, points[:, 1] - self.y)


def violations(axis: Axis, evidence: SymmetryEvidence, num_turns: int) -> Float[np.ndarray, " n"]:
    """The share of each seen point's ring that lies in free space."""
    values = np.zeros(len(evidence.seen))
    for turn in range(num_turns):
        turned = axis.turned(evidence.seen, 2 * np.pi * (turn + 0.5) / num_turns)
        values += np.clip(evidence.values(turned) / (TOLERANCE * evidence.diagonal) - 0.5, 0, 1)
    return values / num_turns


def find_axes(evidence: SymmetryEvidence) -> list[Axis]:
    """The best axis after one centring on the body's outside, and after all: a grid search and Nelder-Mead."""
    low, high = np.percentile(evidence.inside[:, :2], [5, 95], axis=0)

    def cost(place: Float[np.ndarray, " 2"]) -> float:
        axis = Axis(*place.tolist())
        violated = np.clip(violations(axis, evidence, NUM_COARSE_TURNS) / VIOLATING, 0, 1)
        # Of all axes that agree with the views, the nearest one gives the smallest body.
        return float(violated.mean() + 0.3 * np.median(axis.radii(evidence.seen)) / evidence.diagonal)

    tried = [
        (x, y) for x in np.linspace(low[0], high[0], STEPS_ACROSS) for y in np.linspace(low[1], high[1], STEPS_ACROSS)
    ]
    begin = np.array(min(tried, key=lambda place: cost(np.array(place))))
    step = (high - low) / STEPS_ACROSS
    simplex = begin + np.array([[0.0, 0.0], [step[0], 0.0], [0.0, step[1]]])
    found = optimize.minimize(cost, begin, method="Nelder-Mead", options={"initial_simplex": simplex, "maxfev": 50})
    axes = [_centered(Axis(*found.x.tolist()), evidence)]
    for _ in range(CENTERINGS):
        axes.append(_centered(axes[-1], evidence))
    return [axes[0], axes[-1]]


def _centered(start: Axis, evidence: SymmetryEvidence) -> Axis:
    """The axis near this one about which outer points of equal height have equal radii, robustly (truncated L1)."""
    offsets = evidence.seen[:, :2] - [start.x, start.y]
    outwards = (offsets * evidence.normals[:, :2]).sum(axis=1) > FACING * np.linalg.norm(offsets, axis=1)
    chosen = outwards & (violations(start, evidence, NUM_COARSE_TURNS) < 2 * VIOLATING)
    points = evidence.seen[chosen]
    if len(points) < LEAST_POINTS:
        return start
    slices = np.array_split(np.argsort(points[:, 2]), max(1, min(NUM_SLICES, len(points) // 12)))
    cap = 0.03 * evidence.diagonal

    def spread(place: Float[np.ndarray, " 2"]) -> float:
        radii = Axis(*place.tolist()).radii(points)
        return sum(float(np.minimum(np.abs(radii[one] - np.median(radii[one])), cap).sum()) for one in slices)

    begin, step = np.array([start.x, start.y]), 0.02 * evidence.diagonal
    simplex = begin + np.array([[0.0, 0.0], [step, 0.0], [0.0, step]])
    found = optimize.minimize(spread, begin, method="Nelder-Mead", options={"initial_simplex": simplex, "maxfev": 80})
    return Axis(*found.x.tolist())


@dataclass(frozen=True)
class Profile:
    """Signed distances by radius and height, shared by all directions about an axis."""

    axis: Axis
    values: Float[np.ndarray, "r z"]
    spacing: float
    bottom: float

    def at(self, points: Float[np.ndarray, "n 3"], beyond: float) -> Float[np.ndarray, " n"]:
        """Values interpolated at points; `beyond` outside."""
        places = np.stack([self.axis.radii(points) / self.spacing, (points[:, 2] - self.bottom) / self.spacing])
        return ndimage.map_coordinates(self.values, places, order=1, mode="constant", cval=beyond)


def measure_profile(axis: Axis, volume: FusedVolume) -> Profile:
    """The profile of the body about an axis: per ring, a quantile of the visual hull and the mean of the TSDF."""
    grid = volume.grid
    num_radii = int(np.hypot(grid.shape[0], grid.shape[1]) * 0.6)
    r, z = np.meshgrid(
        np.arange(num_radii) * grid.spacing, grid.origin[2] + np.arange(grid.shape[2]) * grid.spacing, indexing="ij"
    )
    points = np.stack([axis.x + r.ravel(), np.full(r.size, axis.y), z.ravel()], axis=1)
    rings = [axis.turned(points, 2 * np.pi * turn / NUM_TURNS) for turn in range(NUM_TURNS)]
    visual_hull = np.quantile([volume.at(volume.visual_hull, ring, volume.band) for ring in rings], AGREEING, axis=0)
    weights = np.stack([volume.at(volume.weight, ring, 0.0) for ring in rings])
    surface = np.stack([volume.at(volume.tsdf, ring, volume.band) for ring in rings])
    total = weights.sum(axis=0)
    mean = np.where(total > 0, (weights * surface).sum(axis=0) / np.maximum(total, 1e-9), -volume.band)
    return Profile(axis, np.maximum(visual_hull, mean).reshape(r.shape), grid.spacing, float(grid.origin[2]))
