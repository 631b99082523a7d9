"""The surface that views saw, point by point: what completing an object must never lose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from scorp_ns.generate.symmetry.scoring import Evidence
from scorp_ns.generate.symmetry.witness import Observation

MOST_POINTS = 40_000
"""More points of a surface say nothing new."""

DENIED = 0.02
"""Points that lie so far in free space are none of the object, as a share of the diagonal."""

MISSED = 0.013
"""Points that lie so far outside an object are missing in it, as a share of the diagonal; a grid's step at least."""

THICKNESS = 0.01
"""So far around missing points something is added, as a share of the diagonal; a grid's step at least."""

FEWEST_TOGETHER = 0.03
"""Fewer missing points in one place than this share of all are noise."""


def seen_points(observations: Sequence[Observation]) -> Float[np.ndarray, "n 3"]:
    """Where the views saw the object's surface, also where it is too thin to have an inside."""
    points = []
    for one in observations:
        rows, columns = np.nonzero(one.is_known)
        z = one.depth[rows, columns].astype(np.float64)
        x, y = (columns + 0.5 - one.lens[2]) / one.lens[0] * z, (rows + 0.5 - one.lens[3]) / one.lens[1] * z
        points.append((np.stack([x, y, z], axis=1) - one.translation) @ one.rotation)
    joined = np.concatenate(points)
    return joined[:: max(1, len(joined) // MOST_POINTS)]


def undenied(points: Float[np.ndarray, "n 3"], evidence: Evidence) -> Float[np.ndarray, "m 3"]:
    """The points that views leave possible, or nearly so."""
    space = evidence.space
    return points[space.at(space.hull, points, space.band) < DENIED * evidence.diagonal]


def with_skin(
    distances: Float[np.ndarray, "x y z"], points: Float[np.ndarray, "n 3"], evidence: Evidence
) -> Float[np.ndarray, "x y z"]:
    """The object with a thin skin over seen points that it lacks, such as those of legs and handles."""
    space, step = evidence.space, evidence.space.grid.spacing
    is_missing = space.at(distances, points, space.band) > max(MISSED * evidence.diagonal, step)
    counts = space.grid.count(points[is_missing])
    groups = np.asarray(ndimage.label(counts > 0, np.ones((3, 3, 3)))[0])  # pyright: ignore[reportIndexIssue]
    sizes = np.bincount(groups.ravel(), counts.ravel())
    sizes[0] = 0
    (large,) = np.nonzero((sizes > 0) & (sizes >= FEWEST_TOGETHER * len(points)))
    if not len(large):
        return distances
    away = step * np.asarray(ndimage.distance_transform_edt(~np.isin(groups, large)))
    return np.minimum(distances, away - max(THICKNESS * evidence.diagonal, step))
