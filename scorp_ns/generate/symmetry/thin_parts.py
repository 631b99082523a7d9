"""Thin parts, such as legs and handles, restored from seen points that the fused volume is too coarse for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from scorp_ns.generate.symmetry.symmetry_score import SymmetryEvidence
from scorp_ns.generate.symmetry.view_evidence import ViewEvidence
from scorp_ns.surfaces.marching import Grid

IN_FREE_SPACE = 0.016
"""Points this far in free space are not of the object, as a share of the diagonal."""

MISSED = 0.01
"""Points this far outside an object are missing in it, as a share of the diagonal; at least a step of the grid."""

THICKNESS = 0.008
"""Radius of what is added around missing points, as a share of the diagonal."""

LEAST_STEPS = 0.6
"""Its least value in steps of the grid, which shows nothing thinner."""

LEAST_AGREEING, AGREEING = 2, 0.15
"""Views, and share of all views, that have to miss something in one place: fewer are noise."""

SPECK = 0.05
"""Added pieces that touch nothing and are shorter than this share of the diagonal are dropped."""

SOFTNESS = 0.6
"""Standard deviation, in steps of the grid, of the local mean of points: depths scatter."""

LEAST_WEIGHT = 1e-4
"""Least weight of points around a place with a local mean."""

TOUCHING = np.ones((3, 3, 3), bool)
"""The 26-neighbourhood."""


def observed_points(views: Sequence[ViewEvidence], evidence: SymmetryEvidence) -> list[Float[np.ndarray, "n 3"]]:
    """Per view, the unprojected mean depths of the object's Gaussians, without those in free space.

    A thin part has no inside between its two surfaces, but it has a middle.
    """
    seen = []
    for one in views:
        points = one.camera.unproject(one.middle.astype(np.float64), one.middle != 0)
        free = evidence.volume.at(evidence.solid, points, evidence.volume.band)
        seen.append(_one_per_cell(points[free < IN_FREE_SPACE * evidence.diagonal], evidence.volume.grid))
    return seen


def _one_per_cell(points: Float[np.ndarray, "n 3"], grid: Grid) -> Float[np.ndarray, "m 3"]:
    """The mean of the points in each cell of the grid."""
    places = np.rint((points - grid.origin) / grid.spacing).astype(np.int64)
    _, cells, counts = np.unique(places, axis=0, return_inverse=True, return_counts=True)
    sums = [np.bincount(cells.ravel(), column, len(counts)) for column in points.T]
    return np.stack(sums, axis=1) / counts[:, None]


def add_thin_parts(
    distances: Float[np.ndarray, "x y z"],
    points_per_view: Sequence[Float[np.ndarray, "_ 3"]],
    evidence: SymmetryEvidence,
    largest: Float[np.ndarray, "x y z"] | None = None,
) -> Float[np.ndarray, "x y z"]:
    """Signed distances of the object joined with seen parts that it lacks.

    Points within the object before it was shrunk, `largest`, are not lacking.
    """
    grid = evidence.volume.grid
    missing = _missing(distances if largest is None else largest, points_per_view, evidence)
    if not missing.any():
        return distances
    around = np.asarray(ndimage.binary_dilation(missing, TOUCHING))
    points = np.concatenate(points_per_view)
    points = points[evidence.values(points, around.astype(np.float64), 0.0) > 0]
    away = np.where(ndimage.binary_dilation(around), _distance_to_local_mean(points, grid), np.inf)
    thickness = max(THICKNESS * evidence.diagonal, LEAST_STEPS * grid.spacing)
    thin = np.maximum(away, evidence.volume.visual_hull) - thickness
    return np.minimum(distances, np.where(_is_speck(distances < 0, thin < 0, grid, evidence.diagonal), np.inf, thin))


def _is_speck(
    body: Bool[np.ndarray, "x y z"], thin: Bool[np.ndarray, "x y z"], grid: Grid, diagonal: float
) -> Bool[np.ndarray, "x y z"]:
    """A mask of the short added pieces that are not connected to the body."""
    labelled = np.asarray(ndimage.label(body | thin, TOUCHING)[0])  # pyright: ignore[reportIndexIssue]
    pieces = labelled.astype(np.int64)
    boxes = ndimage.find_objects(pieces)
    is_speck = np.zeros(len(boxes) + 1, bool)
    for piece, box in enumerate(boxes, start=1):
        is_speck[piece] = grid.spacing * np.linalg.norm([side.stop - side.start for side in box]) < SPECK * diagonal
    is_speck[np.unique(pieces[body])] = False
    return is_speck[pieces]


def _missing(
    distances: Float[np.ndarray, "x y z"],
    points_per_view: Sequence[Float[np.ndarray, "_ 3"]],
    evidence: SymmetryEvidence,
) -> Bool[np.ndarray, "x y z"]:
    """A mask of the places where enough views saw the object and it is absent."""
    volume, step = evidence.volume, evidence.volume.grid.spacing
    limit = max(MISSED * evidence.diagonal, step)
    away = np.full(distances.shape, 2 * limit)
    if (distances < 0).any():
        away = step * (np.asarray(ndimage.distance_transform_edt(distances >= 0)) - 0.5)
    found, votes = np.zeros(distances.shape, bool), np.zeros(distances.shape, int)
    for points in points_per_view:
        missed = volume.grid.count(points[volume.at(away, points, volume.band) > limit]) > 0
        found |= missed
        votes += ndimage.binary_dilation(missed, TOUCHING)
    return found & (votes >= min(max(LEAST_AGREEING, AGREEING * len(points_per_view)), len(points_per_view)))


def _distance_to_local_mean(points: Float[np.ndarray, "n 3"], grid: Grid) -> Float[np.ndarray, "x y z"]:
    """The distance of each grid point to the Gaussian-weighted mean of the points around; infinite without any."""
    weight = ndimage.gaussian_filter(grid.count(points), SOFTNESS)
    squares = np.zeros(grid.shape)
    for axis, own in enumerate(grid.points.T):
        middle = ndimage.gaussian_filter(grid.count(points, points[:, axis]), SOFTNESS) / np.maximum(weight, 1e-12)
        squares += (middle - own.reshape(grid.shape)) ** 2
    return np.where(weight > LEAST_WEIGHT, np.sqrt(squares), np.inf)
