"""An object's visual hull (Laurentini 1994) and the TSDF of its seen surface (Curless and Levoy 1996), on a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from scipy import ndimage

from scorp_ns.generate.symmetry.fusion_kernel import fuse_view
from scorp_ns.generate.symmetry.view_evidence import FAR, ViewEvidence
from scorp_ns.surfaces.marching import Grid

BAND = 0.04
"""Truncation distance of both fields, as a share of the object's diagonal."""

BEFORE = 0.75
"""Truncation of the TSDF before the surface, as a share of the band: glossy and plain things look too deep much more
often than too near, so views that look past a surface count less against it."""

BEHIND = 0.5
"""Truncation of the TSDF behind the surface, as a share of the band: thin walls have another side."""

SLACK = 0.03
"""Space is surely free this far before a measured depth, as a share of the diagonal."""

BELOW = 0.004
"""Share of a view's pixels that may show things below the support: outlines are not exact."""

LOWER = 0.01
"""An object reaches below its support only if by more than this, as a share of the diagonal."""


@dataclass(frozen=True)
class FusedVolume:
    """Signed distances fused from all views, in the object's upright frame: negative inside, positive outside."""

    grid: Grid
    band: float
    visual_hull: Float[np.ndarray, "x y z"]
    """Distance to the visual hull of masks and depths, clamped to the band."""
    tsdf: Float[np.ndarray, "x y z"]
    """Weighted mean distance before (positive) or behind the seen surface, clamped to the band."""
    weight: Float[np.ndarray, "x y z"]
    """The sum of the views' weights in the TSDF: the cosines at which they saw the surface."""
    floor: float
    """The height of the object's lower end."""

    @property
    def solid(self) -> Float[np.ndarray, "x y z"]:
        """The carved volume: the visual hull cut by the TSDF, negative where the views leave room for the object."""
        return np.maximum(self.visual_hull, self.tsdf)

    def places(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "3 n"]:
        """Grid coordinates of points."""
        return ((points - self.grid.origin) / self.grid.spacing).T

    def at(
        self, values: Float[np.ndarray, "x y z"], points: Float[np.ndarray, "n 3"], beyond: float
    ) -> Float[np.ndarray, " n"]:
        """Values interpolated at points; `beyond` outside the grid."""
        return ndimage.map_coordinates(values, self.places(points), order=1, mode="constant", cval=beyond)


def fuse_views(views: Sequence[ViewEvidence], grid: Grid, diagonal: float, floor: float | None) -> FusedVolume:
    """The volume fused from the views, at the points of a grid."""
    band, slack = BAND * diagonal, SLACK * diagonal
    points = grid.points
    highest = np.full((votes_needed(len(views)), len(points)), -band, np.float32)
    total, weights = np.zeros(len(points), np.float32), np.zeros(len(points), np.float32)
    for one in views:
        rotation, translation = one.camera.rotation.copy(), one.camera.translation.copy()
        fuse_view(
            points, rotation, translation, one.camera.intrinsics, one.mask_distance, one.depth, one.weight, one.cosine,
            one.is_cut, band, BEFORE * band, BEHIND * band, slack, highest, total, weights,
        )  # fmt: skip
    visual_hull = highest[-1].reshape(grid.shape)
    floor = lowest_visible_height(visual_hull, grid, views, floor, LOWER * diagonal)
    visual_hull = np.maximum(visual_hull, np.clip(floor - grid.points[:, 2], -band, band).reshape(grid.shape))
    tsdf = np.where(weights > 0, total / np.maximum(weights, 1e-6), -band)
    return FusedVolume(grid, band, visual_hull, tsdf.reshape(grid.shape), weights.reshape(grid.shape), floor)


def lowest_visible_height(
    visual_hull: Float[np.ndarray, "x y z"],
    grid: Grid,
    views: Sequence[ViewEvidence],
    support: float | None,
    margin: float,
) -> float:
    """The height down to which an object has to reach to fill its masks; at most the support's.

    Of all places that a pixel may show, the highest one is at least as high as the one that it does show.
    """
    points = grid.points[visual_hull.reshape(-1) < grid.spacing / 2]
    shown = [_highest_heights(one, points, grid.spacing) for one in views]
    lows = [float(np.quantile(heights[heights > -FAR], BELOW)) for heights in shown if (heights > -FAR).any()]
    lowest = float(np.median(lows)) if lows else float(grid.origin[2])
    return lowest if support is None else min(lowest + margin, support)


def _highest_heights(
    one: ViewEvidence, points: Float32[np.ndarray, "n 3"], spacing: float
) -> Float[np.ndarray, " pixels"]:
    """Per pixel of the object, the height of the highest point that it may show."""
    columns, rows, z, within = one.project(points)
    height, width = one.mask_distance.shape
    places = rows[within].astype(int) * width + columns[within].astype(int)
    highest = np.full(height * width, -FAR)
    # Sorted, as the last of several values for one pixel stays.
    order = np.argsort(points[within, 2], kind="stable")
    highest[places[order]] = points[within, 2][order]
    if not within.any():
        return highest[:0]
    # Points may be further apart than pixels; each stands for the pixels up to the next one.
    reach = int(np.ceil(spacing * one.camera.K[0, 0] / np.median(z[within]) / 2))
    spread = ndimage.maximum_filter(highest.reshape(height, width), 2 * reach + 1)
    return spread[one.mask_distance < 0]


def votes_needed(num_views: int) -> int:
    """The number of views that have to agree that a place is free: single masks may be wrong where there are others."""
    return 1 if num_views < 4 else 2 if num_views < 12 else 3


def find_grid(
    views: Sequence[ViewEvidence], low: np.ndarray, high: np.ndarray, cells: int, floor: float | None
) -> Grid:
    """A grid around the visual hull, near the lifted Gaussians' box."""
    extent = high - low
    diagonal = float(np.linalg.norm(extent))
    reach = np.full(3, 0.2 * diagonal)
    reach[:2] += np.linalg.norm(extent[:2]) - extent[:2] / 2
    coarse = Grid.around(low - reach, high + reach, diagonal / 32, 0)
    volume = fuse_views(views, coarse, diagonal, floor)
    possible = coarse.points[volume.solid.reshape(-1) < coarse.spacing]
    if len(possible):
        low, high = np.minimum(low, possible.min(axis=0)), np.maximum(high, possible.max(axis=0))
    return Grid.around(low, high, diagonal / cells, 2)
