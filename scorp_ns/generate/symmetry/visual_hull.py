"""The space an object can fill, on a grid: what the views leave of it, and the surface they saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from scipy import ndimage

from scorp_ns.generate.symmetry.fusion_kernel import NEAR, judge_points
from scorp_ns.generate.symmetry.view_evidence import FAR, Observation
from scorp_ns.surfaces.marching import Grid

BAND = 0.04
"""Depths say something of what lies so near behind the surface, as a share of the object's diagonal."""

BEFORE = 0.75
"""A view that looks past a surface which others saw counts no more than this share of the band against it: glossy and
plain things look deeper than they are much more often than nearer."""

BEHIND = 0.5
"""Less of it behind the surface, as a share of the band: thin walls have another side."""

SLACK = 0.03
"""How far before a measured depth space is free for sure, as a share of the diagonal."""


BELOW = 0.004
"""This share of a view's pixels may show what lies below the support: outlines are not exact."""


LOWER = 0.01
"""An object that fills its masks ends below its support only if by more than this, as a share of the diagonal."""


@dataclass(frozen=True)
class Space:
    """Distances on a grid, in the object's upright frame: negative inside the object, positive outside."""

    grid: Grid
    band: float
    hull: Float[np.ndarray, "x y z"]
    """Distance to what masks and depths leave possible, between -band and band."""
    surface: Float[np.ndarray, "x y z"]
    """Mean distance before (positive) or behind the surface that views saw, between -band and band."""
    weight: Float[np.ndarray, "x y z"]
    """How many views, by how squarely they look, know that distance."""
    floor: float
    """The height at which the object ends."""

    @property
    def solid(self) -> Float[np.ndarray, "x y z"]:
        """Negative where the views leave room for the object."""
        return np.maximum(self.hull, self.surface)

    def places(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "3 n"]:
        """Points in steps of the grid."""
        return ((points - self.grid.origin) / self.grid.spacing).T

    def at(
        self, values: Float[np.ndarray, "x y z"], points: Float[np.ndarray, "n 3"], beyond: float
    ) -> Float[np.ndarray, " n"]:
        """Values between the points of the grid; `beyond` it where it ends."""
        return ndimage.map_coordinates(values, self.places(points), order=1, mode="constant", cval=beyond)


def measure_space(observations: Sequence[Observation], grid: Grid, diagonal: float, floor: float | None) -> Space:
    """What the views say of a grid's points."""
    band, slack = BAND * diagonal, SLACK * diagonal
    points = grid.points
    highest = np.full((votes_needed(len(observations)), len(points)), -band, np.float32)
    total, weights = np.zeros(len(points), np.float32), np.zeros(len(points), np.float32)
    for one in observations:
        judge_points(
            points, one.rotation, one.translation, one.lens, one.outside, one.depth, one.weight, one.cosine,
            one.is_cut, band, BEFORE * band, BEHIND * band, slack, highest, total, weights,
        )  # fmt: skip
    hull = highest[-1].reshape(grid.shape)
    floor = lowest_shown(hull, grid, observations, floor, LOWER * diagonal)
    hull = np.maximum(hull, np.clip(floor - grid.points[:, 2], -band, band).reshape(grid.shape))
    surface = np.where(weights > 0, total / np.maximum(weights, 1e-6), -band)
    return Space(grid, band, hull, surface.reshape(grid.shape), weights.reshape(grid.shape), floor)


def lowest_shown(
    hull: Float[np.ndarray, "x y z"],
    grid: Grid,
    observations: Sequence[Observation],
    support: float | None,
    margin: float,
) -> float:
    """The height at which an object has to end that fills its masks; the support's, unless that is higher.

    Of all places that a pixel may show, the highest one is at least as high as the one that it does show.
    """
    points = grid.points[hull.reshape(-1) < grid.spacing / 2]
    shown = [_highest_heights(one, points, grid.spacing) for one in observations]
    lows = [float(np.quantile(heights[heights > -FAR], BELOW)) for heights in shown if (heights > -FAR).any()]
    lowest = float(np.median(lows)) if lows else float(grid.origin[2])
    return lowest if support is None else min(lowest + margin, support)


def _highest_heights(
    one: Observation, points: Float32[np.ndarray, "n 3"], spacing: float
) -> Float[np.ndarray, " pixels"]:
    """Per pixel of the object, how high the highest of the points that it may show lies."""
    columns, rows, z = one.project(points)
    height, width = one.outside.shape
    within = (
        (z > NEAR) & (np.abs(columns - (width - 1) / 2) < width / 2) & (np.abs(rows - (height - 1) / 2) < height / 2)
    )
    places = np.rint(rows[within]).astype(int) * width + np.rint(columns[within]).astype(int)
    highest = np.full(height * width, -FAR)
    # Of several values for one place, the last one stays.
    order = np.argsort(points[within, 2], kind="stable")
    highest[places[order]] = points[within, 2][order]
    if not within.any():
        return highest[:0]
    # Points may lie further apart than pixels; each stands for all places up to the next one.
    reach = int(np.ceil(spacing * one.lens[0] / np.median(z[within]) / 2))
    spread = ndimage.maximum_filter(highest.reshape(height, width), 2 * reach + 1)
    return spread[one.outside < 0]


def votes_needed(num_views: int) -> int:
    """So many views have to agree that a place is free: single masks may be wrong where there are others."""
    return 1 if num_views < 4 else 2 if num_views < 12 else 3


def find_grid(
    observations: Sequence[Observation], low: np.ndarray, high: np.ndarray, cells: int, floor: float | None
) -> Grid:
    """A grid around all that the views leave possible, near what was lifted."""
    extent = high - low
    diagonal = float(np.linalg.norm(extent))
    reach = np.full(3, 0.2 * diagonal)
    reach[:2] += np.linalg.norm(extent[:2]) - extent[:2] / 2
    coarse = Grid.around(low - reach, high + reach, diagonal / 32, 0)
    space = measure_space(observations, coarse, diagonal, floor)
    possible = coarse.points[space.solid.reshape(-1) < coarse.spacing]
    if len(possible):
        low, high = np.minimum(low, possible.min(axis=0)), np.maximum(high, possible.max(axis=0))
    return Grid.around(low, high, diagonal / cells, 2)
