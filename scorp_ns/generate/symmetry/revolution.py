"""Bodies of revolution about an upright axis, with parts that stick out of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import ndimage, optimize

from scorp_ns.generate.symmetry.symmetry_score import TOLERANCE, Evidence
from scorp_ns.generate.symmetry.visual_hull import Space

NUM_TURNS = 60
"""A body is looked at from so many sides."""

NUM_COARSE_TURNS = 16
"""The same while the axis is searched."""

AGREEING = 0.8
"""A place is free if the views of this share of its ring do not see less free space: a handle is no wall."""

STEPS_ACROSS = 15
"""Axes to try along each side of the object."""

FACING = 0.5
"""Cosine between the normal of a body's outside and the way out, at least."""

LEAST_POINTS = 40
"""With fewer, rings are not worth fitting."""

NUM_SLICES = 24
"""The body is cut into so many slices of equally many points."""

CENTERINGS = 2
"""So often the points of the body's outside are chosen anew."""

VIOLATING = 0.15
"""A seen point belongs to the body unless more of its ring than this is free space."""


@dataclass(frozen=True)
class Axis:
    """An upright axis."""

    x: float
    y: float

    def turned(self, points: Float[np.ndarray, "n 3"], angle: float) -> Float[np.ndarray, "n 3"]:
        """The points turned about it."""
        cos, sin = np.cos(angle), np.sin(angle)
        x, y = points[:, 0] - self.x, points[:, 1] - self.y
        return np.stack([self.x + cos * x - sin * y, self.y + sin * x + cos * y, points[:, 2]], axis=1)

    def radii(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
        """How far points are from it."""
        return np.hypot(points[:, 0] - self.x, points[:, 1] - self.y)


def violations(axis: Axis, evidence: Evidence, num_turns: int) -> Float[np.ndarray, " n"]:
    """The share of each seen point's ring that lies in free space."""
    values = np.zeros(len(evidence.seen))
    for turn in range(num_turns):
        turned = axis.turned(evidence.seen, 2 * np.pi * (turn + 0.5) / num_turns)
        values += np.clip(evidence.values(turned) / (TOLERANCE * evidence.diagonal) - 0.5, 0, 1)
    return values / num_turns


def find_axes(evidence: Evidence) -> list[Axis]:
    """The axis that explains most, moved to the middle of the body's outside once, and until it stays there."""
    low, high = np.percentile(evidence.inside[:, :2], [5, 95], axis=0)

    def cost(place: Float[np.ndarray, " 2"]) -> float:
        axis = Axis(*place.tolist())
        violated = np.clip(violations(axis, evidence, NUM_COARSE_TURNS) / VIOLATING, 0, 1)
        # Of all axes that agree with the views, the nearest one leaves the smallest body.
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


def _centered(start: Axis, evidence: Evidence) -> Axis:
    """The axis near this one that points at equal heights are equally far from, of the body's outside."""
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
    """What holds on all rings about an axis: distances by radius and height."""

    axis: Axis
    values: Float[np.ndarray, "r z"]
    spacing: float
    bottom: float

    def at(self, points: Float[np.ndarray, "n 3"], beyond: float) -> Float[np.ndarray, " n"]:
        places = np.stack([self.axis.radii(points) / self.spacing, (points[:, 2] - self.bottom) / self.spacing])
        return ndimage.map_coordinates(self.values, places, order=1, mode="constant", cval=beyond)


def measure_profile(axis: Axis, space: Space) -> Profile:
    """The body's profile by what the views say of each ring."""
    grid = space.grid
    num_radii = int(np.hypot(grid.shape[0], grid.shape[1]) * 0.6)
    r, z = np.meshgrid(
        np.arange(num_radii) * grid.spacing, grid.origin[2] + np.arange(grid.shape[2]) * grid.spacing, indexing="ij"
    )
    points = np.stack([axis.x + r.ravel(), np.full(r.size, axis.y), z.ravel()], axis=1)
    rings = [axis.turned(points, 2 * np.pi * turn / NUM_TURNS) for turn in range(NUM_TURNS)]
    hull = np.quantile([space.at(space.hull, ring, space.band) for ring in rings], AGREEING, axis=0)
    weights = np.stack([space.at(space.weight, ring, 0.0) for ring in rings])
    surface = np.stack([space.at(space.surface, ring, space.band) for ring in rings])
    total = weights.sum(axis=0)
    mean = np.where(total > 0, (weights * surface).sum(axis=0) / np.maximum(total, 1e-9), -space.band)
    return Profile(axis, np.maximum(hull, mean).reshape(r.shape), grid.spacing, float(grid.origin[2]))
