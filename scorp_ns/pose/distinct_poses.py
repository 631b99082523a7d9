"""Distinct poses: those that look alike, by the proxy's symmetry or nearly, count as one."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from scorp_ns.pose.proxy_shape import ProxyShape
from scorp_ns.surfaces.marching import Grid

SAME_SURFACE, SAME_COLOR = 0.025, 0.08
"""Mean distance of surfaces, in diagonals of the proxy, and mean difference of colours, of poses that look alike."""

NUM_POINTS = 300
"""Points of the surface by which poses are compared."""


def looks_like(
    shape: ProxyShape, pose: Float64[np.ndarray, " 19"], others: Float64[np.ndarray, "n 19"], slack: float = 1.0
) -> np.ndarray:
    """The mask of the other poses that look like this one, to so many times the tolerances."""
    points = shape.skin.points[:NUM_POINTS].astype(np.float64)
    placed = points @ pose[:9].reshape(3, 3).T + pose[9:12]
    inverses, shifts = np.linalg.inv(others[:, :9].reshape(-1, 3, 3)), others[:, 9:12]
    local = np.einsum("npi,nji->npj", placed[None] - shifts[:, None], inverses)
    (i, j, k), beyond = _nearest(shape.distances.grid, local)
    distances = np.abs(shape.distances.values[i, j, k]) + beyond
    (i, j, k), _ = _nearest(shape.grid, local)
    differences = np.abs(shape.channels[:, i, j, k] - shape.skin.colors[:NUM_POINTS].T[:, None]).mean(axis=(0, 2))
    return (distances.mean(axis=1) < slack * SAME_SURFACE) & (differences < slack * SAME_COLOR)


def _nearest(grid: Grid, points: Float64[np.ndarray, "n p 3"]) -> tuple[np.ndarray, Float64[np.ndarray, "n p"]]:
    """The indices of the grid's points that are nearest to others, axis by axis, and how far those are beyond it."""
    places = np.rint((points - grid.origin) / grid.spacing).astype(np.int64)
    inside = np.clip(places, 0, np.array(grid.shape) - 1)
    return np.moveaxis(inside, -1, 0), np.linalg.norm(places - inside, axis=-1) * grid.spacing


def distinct(
    shape: ProxyShape, poses: Float64[np.ndarray, "n 19"], costs: Float64[np.ndarray, " n"], most: int, slack: float
) -> list[int]:
    """The cheapest poses that do not look like a cheaper one, cheapest first."""
    kept: list[int] = []
    for index in np.argsort(costs, kind="stable"):
        if len(kept) == most:
            break
        if not kept or not looks_like(shape, poses[index], poses[kept], slack).any():
            kept.append(int(index))
    return kept
