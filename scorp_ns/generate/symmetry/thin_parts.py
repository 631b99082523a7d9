"""The surface that views saw, point by point: what completing an object must never lose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from scorp_ns.generate.symmetry.symmetry_score import Evidence
from scorp_ns.generate.symmetry.view_evidence import Observation
from scorp_ns.surfaces.marching import Grid

DENIED = 0.016
"""Points that lie so far in free space are none of the object, as a share of the diagonal."""

MISSED = 0.01
"""Points that lie so far outside an object are missing in it, as a share of the diagonal; a grid's step at least."""

THICKNESS = 0.008
"""So far around missing points something is added, and into free space at most, as a share of the diagonal."""

LEAST_STEPS = 0.6
"""The same in steps of the grid, at least: it shows nothing thinner."""

LEAST_AGREEING, AGREEING = 2, 0.15
"""So many views, and such a share of all, have to miss something in one place: what fewer of them saw is noise."""

SPECK = 0.05
"""Pieces of skin that touch nothing and are shorter than this share of the diagonal are dropped."""

SOFTNESS = 0.6
"""A skin lies in the middle of points that are about so many steps of the grid apart, for depths scatter."""

LEAST_WEIGHT = 1e-4
"""Places with fewer points around them, as weighed by that, are none of a skin's."""

TOUCHING = np.ones((3, 3, 3), bool)
"""A place and those around it."""


def seen_points(observations: Sequence[Observation], evidence: Evidence) -> list[Float[np.ndarray, "n 3"]]:
    """Per view, where it sees the middle of the object's Gaussians, but for what all of them deny.

    What is thin has no inside between the surfaces of its two sides, but it has a middle.
    """
    seen = []
    for one in observations:
        rows, columns = np.nonzero(one.middle)
        z = one.middle[rows, columns].astype(np.float64)
        x, y = (columns + 0.5 - one.lens[2]) / one.lens[0] * z, (rows + 0.5 - one.lens[3]) / one.lens[1] * z
        points = (np.stack([x, y, z], axis=1) - one.translation) @ one.rotation
        free = evidence.space.at(evidence.solid, points, evidence.space.band)
        seen.append(_thinned(points[free < DENIED * evidence.diagonal], evidence.space.grid))
    return seen


def _thinned(points: Float[np.ndarray, "n 3"], grid: Grid) -> Float[np.ndarray, "m 3"]:
    """The middle of the points in each cell of the grid, which cannot tell more of them apart."""
    places = np.rint((points - grid.origin) / grid.spacing).astype(np.int64)
    _, cells, counts = np.unique(places, axis=0, return_inverse=True, return_counts=True)
    sums = [np.bincount(cells.ravel(), column, len(counts)) for column in points.T]
    return np.stack(sums, axis=1) / counts[:, None]


def with_skin(
    distances: Float[np.ndarray, "x y z"],
    views: Sequence[Float[np.ndarray, "_ 3"]],
    evidence: Evidence,
    largest: Float[np.ndarray, "x y z"] | None = None,
) -> Float[np.ndarray, "x y z"]:
    """The object with a thin skin over what views saw and it lacks, such as legs and handles.

    What is within the object at its `largest`, where that is another one, is not lacking.
    """
    grid = evidence.space.grid
    missing = _missing(distances if largest is None else largest, views, evidence)
    if not missing.any():
        return distances
    around = np.asarray(ndimage.binary_dilation(missing, TOUCHING))
    points = np.concatenate(views)
    points = points[evidence.values(points, around.astype(np.float64), 0.0) > 0]
    away = np.where(ndimage.binary_dilation(around), _to_middle(points, grid), np.inf)
    thickness = max(THICKNESS * evidence.diagonal, LEAST_STEPS * grid.spacing)
    skin = np.maximum(away, evidence.space.hull) - thickness
    return np.minimum(distances, np.where(_is_speck(distances < 0, skin < 0, grid, evidence.diagonal), np.inf, skin))


def _is_speck(
    body: Bool[np.ndarray, "x y z"], skin: Bool[np.ndarray, "x y z"], grid: Grid, diagonal: float
) -> Bool[np.ndarray, "x y z"]:
    """Which of the skin hangs on nothing and is short."""
    labelled = np.asarray(ndimage.label(body | skin, TOUCHING)[0])  # pyright: ignore[reportIndexIssue]
    pieces = labelled.astype(np.int64)
    boxes = ndimage.find_objects(pieces)
    is_speck = np.zeros(len(boxes) + 1, bool)
    for piece, box in enumerate(boxes, start=1):
        is_speck[piece] = grid.spacing * np.linalg.norm([side.stop - side.start for side in box]) < SPECK * diagonal
    is_speck[np.unique(pieces[body])] = False
    return is_speck[pieces]


def _missing(
    distances: Float[np.ndarray, "x y z"], views: Sequence[Float[np.ndarray, "_ 3"]], evidence: Evidence
) -> Bool[np.ndarray, "x y z"]:
    """Where views agree that there is something of an object, and there is nothing of it."""
    space, step = evidence.space, evidence.space.grid.spacing
    limit = max(MISSED * evidence.diagonal, step)
    away = np.full(distances.shape, 2 * limit)
    if (distances < 0).any():
        away = step * (np.asarray(ndimage.distance_transform_edt(distances >= 0)) - 0.5)
    found, votes = np.zeros(distances.shape, bool), np.zeros(distances.shape, int)
    for points in views:
        missed = space.grid.count(points[space.at(away, points, space.band) > limit]) > 0
        found |= missed
        votes += ndimage.binary_dilation(missed, TOUCHING)
    return found & (votes >= min(max(LEAST_AGREEING, AGREEING * len(views)), len(views)))


def _to_middle(points: Float[np.ndarray, "n 3"], grid: Grid) -> Float[np.ndarray, "x y z"]:
    """How far each of the grid's points is from the middle of the points around it; infinite where there are none."""
    weight = ndimage.gaussian_filter(grid.count(points), SOFTNESS)
    squares = np.zeros(grid.shape)
    for axis, own in enumerate(grid.points.T):
        middle = ndimage.gaussian_filter(grid.count(points, points[:, axis]), SOFTNESS) / np.maximum(weight, 1e-12)
        squares += (middle - own.reshape(grid.shape)) ** 2
    return np.where(weight > LEAST_WEIGHT, np.sqrt(squares), np.inf)
