"""A proxy as the search asks about it: distances and colours on a grid, the corners of its hull, points of its skin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from scorp_ns.pose.distance_grid import DistanceGrid
from scorp_ns.pose.rotations import even_directions, resting_faces
from scorp_ns.surfaces.marching import Grid
from scorp_ns.surfaces.mesh import ColoredMesh, SurfaceSamples
from scorp_ns.surfaces.queries import SurfaceQueries

CELLS = 96
"""A proxy's diagonal is so many cells of the grid on which the mesh is made that photographs are compared with."""

COLOR_SPACING, COLOR_MARGIN = 1 / 64, 5
"""Of the grid of colours: between its points, in diagonals of the proxy, and cells beyond the proxy."""

SPACING, MARGIN = 1 / 128, 10
"""The same of the grid of distances."""

NUM_CORNERS = 300
"""Directions in which the hull's outermost points are kept."""

NUM_SKIN = 1500
"""Points of the surface by which poses are told apart."""


@dataclass(frozen=True)
class ProxyShape:
    """The shape of a proxy as the search needs it, in the proxy's frame."""

    distances: DistanceGrid
    grid: Grid
    """Of the colours."""
    channels: Float32[np.ndarray, "3 x y z"]
    """The colour of the nearest point of the surface, in [0, 1]."""
    corners: Float64[np.ndarray, "c 3"]
    """Outermost points in many directions."""
    bottoms: Float64[np.ndarray, "k 3"]
    """Outward normals of the faces it can rest on."""
    skin: SurfaceSamples
    queries: SurfaceQueries


def describe_proxy(mesh: ColoredMesh, num_resting_faces: int, seed: int) -> ProxyShape:
    """The shape of a closed surface."""
    queries = SurfaceQueries(mesh)
    grid = Grid.around(*mesh.bounds, COLOR_SPACING, COLOR_MARGIN)
    colors = queries.nearest(grid.points).colors
    used = mesh.vertices[np.unique(mesh.faces)].astype(np.float64)
    outermost = np.unique((even_directions(NUM_CORNERS) @ used.T).argmax(axis=1))
    skin = mesh.sample(NUM_SKIN, seed)
    return ProxyShape(
        distances=DistanceGrid.of(queries, SPACING, MARGIN),
        grid=grid,
        channels=np.ascontiguousarray(colors.T.reshape(3, *grid.shape), np.float32),
        corners=used[outermost],
        bottoms=resting_faces(used, num_resting_faces),
        skin=skin,
        queries=queries,
    )
