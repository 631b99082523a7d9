"""The space an object can fill, on a grid: what the views leave of it, and the surface they saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy import ndimage

from scorp_ns.generate.symmetry.witness import FAR, Observation
from scorp_ns.surfaces.marching import Grid

BAND = 0.04
"""Depths say something of what lies so near behind the surface, as a share of the object's diagonal."""

BEHIND = 0.5
"""Less of it behind the surface, as a share of the band: thin walls have another side."""

SLACK = 0.03
"""How far before a measured depth space is free for sure, as a share of the diagonal."""


BELOW = 0.004
"""This share of the object's pixels may show what lies below its support: outlines are not exact."""


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
    points = torch.from_numpy(grid.points)
    num_votes = votes_needed(len(observations))
    highest = torch.full((num_votes, len(points)), -band)
    total, weights = torch.zeros(len(points)), torch.zeros(len(points))
    for one in observations:
        free, distance, weight = judge(one, points, band, slack)
        _keep_highest(highest, free)
        total += weight * distance
        weights += weight
    hull = highest[-1].numpy().reshape(grid.shape)
    floor = lowest_shown(hull, grid, observations, floor, LOWER * diagonal)
    hull = np.maximum(hull, np.clip(floor - grid.points[:, 2], -band, band).reshape(grid.shape))
    surface = torch.where(weights > 0, total / weights.clamp_min(1e-6), -band)
    return Space(grid, band, hull, surface.numpy().reshape(grid.shape), weights.numpy().reshape(grid.shape), floor)


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
    points = torch.from_numpy(grid.points[hull.reshape(-1) < grid.spacing / 2])
    heights = [_highest_heights(one, points) for one in observations]
    shown = torch.cat([height[height > -FAR] for height in heights])
    lowest = float(torch.quantile(shown, BELOW)) if len(shown) else float(grid.origin[2])
    return lowest if support is None else min(lowest + margin, support)


def _highest_heights(one: Observation, points: torch.Tensor) -> torch.Tensor:
    """Per pixel of the object, how high the highest of the points that it may show lies."""
    columns, rows, z = one.project(points)
    height, width = one.outside.shape
    columns, rows = columns.round().long(), rows.round().long()
    within = (z > 1e-3) & (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
    places = (rows * width + columns)[within]
    highest = torch.full((height * width,), -FAR)
    highest.scatter_reduce_(0, places, points[within, 2], "amax")
    return highest[one.outside.view(-1) < 0]


def votes_needed(num_views: int) -> int:
    """So many views have to agree that a place is free: single masks may be wrong where there are others."""
    return 1 if num_views < 4 else 2 if num_views < 12 else 3


def judge(
    one: Observation, points: torch.Tensor, band: float, slack: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """How far points are from what the view leaves possible, how far before its surface, and how sure that is."""
    columns, rows, z = one.project(points)
    height, width = one.outside.shape
    in_front = z > 1e-3
    within = in_front & (columns > -0.5) & (rows > -0.5) & (columns < width - 0.5) & (rows < height - 0.5)
    left = columns.floor().clamp(0, width - 2).long()
    top = rows.floor().clamp(0, height - 2).long()
    across, down = (columns - left).clamp(0, 1), (rows - top).clamp(0, 1)
    base = top * width + left
    corners = [base, base + 1, base + width, base + width + 1]
    shares = [(1 - across) * (1 - down), across * (1 - down), (1 - across) * down, across * down]
    outside = sum(share * one.outside.view(-1)[corner] for share, corner in zip(shares, corners, strict=True))
    depths = torch.stack([one.depth.view(-1)[corner] for corner in corners])
    nearest_depth, furthest = depths.amin(dim=0), depths.amax(dim=0)
    smooth = (depths * torch.stack(shares)).sum(dim=0)
    is_smooth = furthest - nearest_depth < slack
    depth = torch.where(is_smooth, smooth, nearest_depth)
    nearest = corners[0] + (across > 0.5) + width * (down > 0.5)
    weight = one.weight.view(-1)[nearest] * is_smooth
    cosine = one.cosine.view(-1)[nearest]

    metres = outside * z / one.K[0, 0]
    is_visible = z < depth + slack
    beyond_mask = torch.where((outside < 0) | is_visible, metres, -band)
    before_depth = depth - z - slack
    free = torch.maximum(beyond_mask, before_depth)
    free = torch.where(within, free, torch.full_like(free, -band if one.is_cut else band))
    free = torch.where(in_front, free, torch.full_like(free, band))
    distance = (depth - z) * cosine
    weight = torch.where(within & (distance > -BEHIND * band), weight, torch.zeros_like(weight))
    return free.clamp(-band, band), distance.clamp(-band, band), weight


def _keep_highest(highest: torch.Tensor, values: torch.Tensor) -> None:
    """Sorts values into the rows of the highest ones, highest first."""
    for row in highest:
        larger, values = torch.maximum(row, values), torch.minimum(row, values)
        row.copy_(larger)


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
