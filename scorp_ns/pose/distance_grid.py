"""A proxy's signed distances on a grid, looked up with their gradients at many points at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from jaxtyping import Float32, Float64
from scipy import ndimage

from scorp_ns.surfaces.marching import Grid
from scorp_ns.surfaces.queries import SurfaceQueries

FAR = 0.05
"""Beyond the grid by more than this, the distance grows straight away from it."""

COARSER = 4
"""Away from the surface distances are measured at every n-th point along each axis."""

NEAR = 1.3
"""Between points that are measured, distances are too large by up to 0.87 of their spacing; what that says to be within
this many of it is measured as well."""


@dataclass(frozen=True)
class DistanceGrid:
    """Distances to a closed surface, negative inside; beyond the grid they go on growing."""

    grid: Grid
    values: Float32[np.ndarray, "x y z"]

    @classmethod
    def of(cls, queries: SurfaceQueries, spacing: float, margin: int) -> DistanceGrid:
        """The distances to a closed surface, at least up to so many cells beyond its box.

        Between points of a grid they come out too large wherever the surface bulges, which would swell all that is
        fitted by them: the spacing has to be small there, and only there.
        """
        coarse = Grid.around(*queries.mesh.bounds, COARSER * spacing, -(-margin // COARSER))
        measured = queries.signed_distances(coarse.points).reshape(coarse.shape)
        x, y, z = (COARSER * (number - 1) + 1 for number in coarse.shape)
        grid = Grid(coarse.origin, spacing, (x, y, z))
        finer = [many / few for many, few in zip(grid.shape, coarse.shape, strict=True)]
        values = cast(np.ndarray, ndimage.zoom(measured, finer, order=1))
        is_near = np.abs(values) < NEAR * coarse.spacing
        values[is_near] = queries.signed_distances(grid.points_at(is_near))
        return cls(grid, values.astype(np.float32))

    def distances(self, points: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, " n"]:
        """The distances at points."""
        corners, shares, beyond = self._cells(points)
        along = _blend(corners, shares[:, 2:])
        return _blend(_blend(along, shares[:, 1:2]), shares[:, :1])[:, 0] + np.linalg.norm(beyond, axis=1)

    def slopes(
        self, points: Float64[np.ndarray, "n 3"]
    ) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, "n 3"]]:
        """The distances at points, and their gradients."""
        corners, shares, beyond = self._cells(points)
        a, b, c = shares[:, :1], shares[:, 1:2], shares[:, 2:]
        # Corners come in the order xyz with z fastest, so each blend halves them along one axis.
        along_z = _blend(corners, c)
        along_yz = _blend(along_z, b)
        gradient = np.concatenate(
            [
                _rise(along_yz),
                _blend(_rise(along_z), a),
                _blend(_blend(_rise(corners), b), a),
            ],
            axis=1,
        )
        gradient /= self.grid.spacing
        lengths = np.linalg.norm(beyond, axis=1)
        is_far = lengths > FAR
        gradient[is_far] = beyond[is_far] / lengths[is_far, None]
        return _blend(along_yz, a)[:, 0] + lengths, gradient

    def _cells(self, points: Float64[np.ndarray, "n 3"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The values at the corners of the points' cells, how far into the cells they are, and how far beyond all."""
        places = (points - self.grid.origin) / self.grid.spacing
        inside = np.clip(places, 0, np.array(self.grid.shape) - 1.001)
        cells = inside.astype(np.int64)
        strides = np.array([self.grid.shape[1] * self.grid.shape[2], self.grid.shape[2], 1])
        steps = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) @ strides
        corners = self.values.ravel()[(cells @ strides)[:, None] + steps]
        return corners.astype(np.float64), inside - cells, (places - inside) * self.grid.spacing


def _blend(corners: Float64[np.ndarray, "n k"], share: Float64[np.ndarray, "n 1"]) -> Float64[np.ndarray, "n m"]:
    """Half as many values: between each two neighbours, so much of the way."""
    return corners[:, 0::2] + (corners[:, 1::2] - corners[:, 0::2]) * share


def _rise(corners: Float64[np.ndarray, "n k"]) -> Float64[np.ndarray, "n m"]:
    """By how much the second of each two neighbours is more."""
    return corners[:, 1::2] - corners[:, 0::2]
