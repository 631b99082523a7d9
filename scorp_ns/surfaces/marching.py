"""Marching cubes: surfaces where values on a grid cross a level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64

CLEARANCE = 1e-3
"""No value is nearer to the level than this share of the largest step between neighbours.

At a point that lies on the surface several vertices would fall together, and whoever merges these has edges of four
triangles."""


@dataclass(frozen=True)
class Grid:
    """Points at equal distances along all three axes."""

    origin: Float[np.ndarray, " 3"]
    """The first point."""
    spacing: float
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        assert self.spacing > 0 and min(self.shape) >= 2

    @classmethod
    def around(cls, low: Float[np.ndarray, " 3"], high: Float[np.ndarray, " 3"], spacing: float, margin: int) -> Grid:
        """The grid over a box and so many cells beyond it on every side."""
        cells = np.maximum(1, np.ceil((high - low) / spacing)).astype(int)
        slack = (cells * spacing - (high - low)) / 2
        x, y, z = (int(number) for number in cells + 1 + 2 * margin)
        return cls(np.asarray(low, np.float64) - slack - margin * spacing, spacing, (x, y, z))

    @property
    def points(self) -> Float32[np.ndarray, "n 3"]:
        """All points, the last axis fastest."""
        axes = [self.origin[axis] + self.spacing * np.arange(number) for axis, number in enumerate(self.shape)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.float32)

    def points_at(self, chosen: Bool[np.ndarray, "x y z"]) -> Float32[np.ndarray, "n 3"]:
        """Some of the points, in the same order."""
        return (self.origin + self.spacing * np.argwhere(chosen)).astype(np.float32)

    def count(
        self, points: Float[np.ndarray, "n 3"], values: Float[np.ndarray, " n"] | None = None
    ) -> Float[np.ndarray, "x y z"]:
        """The number of points nearest to each of the grid's, or the sum of their values.

        Those beyond the grid are left out.
        """
        places = np.rint((points - self.origin) / self.spacing).astype(np.int64)
        within = ((places >= 0) & (places < self.shape)).all(axis=1)
        counts = np.zeros(self.shape)
        np.add.at(counts, tuple(places[within].T), 1 if values is None else values[within])
        return counts


def extract_surface(
    values: Float[np.ndarray, "x y z"], grid: Grid, level: float = 0.0
) -> tuple[Float32[np.ndarray, "v 3"], Int64[np.ndarray, "f 3"]]:
    """Vertices and triangles between values below the level (inside) and above; none where nothing crosses it.

    It is closed if the values at the grid's borders are all above the level.
    """
    from skimage.measure import marching_cubes

    assert values.shape == grid.shape
    if not values.min() < level < values.max():
        return np.empty((0, 3), np.float32), np.empty((0, 3), np.int64)
    clear = _beside(values.astype(np.float32), level)
    vertices, faces, _, _ = marching_cubes(clear, level, gradient_direction="descent")
    return (grid.origin + grid.spacing * vertices).astype(np.float32), faces.astype(np.int64)


def _beside(values: Float32[np.ndarray, "x y z"], level: float) -> Float32[np.ndarray, "x y z"]:
    """The values, with those at the level moved a little to their side of it."""
    clearance = CLEARANCE * max(float(np.abs(np.diff(values, axis=axis)).max()) for axis in range(3))
    is_close = np.abs(values - level) < clearance
    return np.where(is_close, np.where(values < level, level - clearance, level + clearance), values).astype(np.float32)
