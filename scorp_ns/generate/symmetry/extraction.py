"""One closed surface from signed distances on a grid, by marching cubes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64
from scipy import ndimage

from scorp_ns.surfaces.marching import Grid, extract_surface

SOFTNESS = 0.7
"""Distances are smoothed with this standard deviation, in steps of the grid."""

REACH = 1.5
"""Distances are clamped to so many steps of the grid before smoothing."""

LEAST_PIECE = 0.02
"""Pieces of less than this share of the object's volume are dropped."""

BESIDE = 2
"""A piece is at a seen point if it is within so many steps of the grid."""

LEAST_KNOWN = 0.02
"""A piece counts as unseen if no more than this share of it is at seen points: some point is always near."""


def without_floaters(
    distances: Float[np.ndarray, "x y z"], grid: Grid, known: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, "x y z"]:
    """Signed distances of the object, smoothed and without floaters.

    A floater is a piece that is small, or at next to none of the `known` points while others are: the views leave room
    behind whatever hides a place from all of them.
    """
    # Clamped, as distances far from the surface would otherwise erode thin parts.
    near = np.clip(distances, -REACH * grid.spacing, REACH * grid.spacing)
    soft = ndimage.gaussian_filter(near, SOFTNESS)
    inside = soft < 0
    is_known = np.asarray(ndimage.binary_dilation(grid.count(known) > 0, iterations=BESIDE))
    return np.where(inside & ~_main_pieces(inside, is_known), np.abs(soft) + 1e-9, soft)


def extract_object(
    distances: Float[np.ndarray, "x y z"], grid: Grid
) -> tuple[Float32[np.ndarray, "v 3"], Int64[np.ndarray, "f 3"]]:
    """Vertices and faces of the closed surface, without cavities; it may be empty."""
    border = np.ones(distances.shape, bool)
    border[1:-1, 1:-1, 1:-1] = False
    closed = np.where(border, np.maximum(distances, grid.spacing / 2), distances)
    bubbles = np.asarray(ndimage.binary_fill_holes(closed < 0)) & (closed >= 0)
    return extract_surface(np.where(bubbles, -closed - 1e-9, closed), grid)


def _main_pieces(inside: Bool[np.ndarray, "x y z"], is_known: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    labels = np.asarray(ndimage.label(inside)[0])  # pyright: ignore[reportIndexIssue]
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    is_large = sizes >= LEAST_PIECE * sizes.sum()
    at_points = np.bincount(labels[is_known], minlength=len(sizes))
    is_there = is_large & (at_points > LEAST_KNOWN * sizes)
    return (is_there if is_there.any() else is_large)[labels]
