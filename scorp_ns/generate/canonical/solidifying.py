"""A closed surface around any triangles, by generalized winding numbers (Jacobson et al. 2013) and marching cubes.

Parts that enclose nothing become thin shells.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32
from scipy.ndimage import binary_dilation, gaussian_filter

from scorp_ns.generate.canonical.working_mesh import WorkingMesh
from scorp_ns.surfaces.marching import Grid, extract_surface
from scorp_ns.surfaces.mesh import ColoredMesh
from scorp_ns.surfaces.queries import SurfaceQueries
from scorp_ns.surfaces.remeshing import cluster
from scorp_ns.surfaces.winding import winding_numbers

SPACING = 1 / 160
"""Spacing of the grid, in diagonals: details finer than about half of it are lost."""

MOST_FACES = 60_000
"""A finer surface is simplified first: the grid keeps no more of it, and nearest points take long to find."""

MARGIN = 3
"""Empty cells around the surface."""

BAND = 2.5
"""Narrow band of distances, in cells."""

INSIDE = 0.5
"""Points with a higher winding number are inside: a hole is closed where half of the directions leave through it."""

CAP_SMOOTHING = 1.5
"""Standard deviation, in cells, by which the winding numbers that close holes are smoothed: they use few directions."""

LOST = 1.0
"""Parts of the surface further than this from the closed one, in cells, enclose nothing."""

HALF_SHELL = 0.6
"""Half the thickness, in cells, of the shell that they become: enough for the grid not to miss it."""


def solidify(mesh: WorkingMesh) -> WorkingMesh | None:
    """A closed surface around all points with a winding number above one half; None if it is empty."""
    if len(mesh.faces) > MOST_FACES:
        vertices, colors, faces = cluster(mesh.vertices, mesh.colors.astype(np.float64), mesh.faces, MOST_FACES)
        mesh = WorkingMesh(vertices, faces, colors.astype(np.float32))
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    spacing = SPACING * float(np.linalg.norm(high - low))
    grid = Grid.around(low, high, spacing, MARGIN)
    queries = SurfaceQueries(mesh.colored())
    values = _signed_distances(mesh, queries, grid)
    vertices, faces = extract_surface(_with_shells(values, queries, grid), grid)
    if not len(faces):
        return None
    return WorkingMesh(vertices.astype(np.float64), faces, queries.nearest(vertices).colors)


def _signed_distances(mesh: WorkingMesh, queries: SurfaceQueries, grid: Grid) -> Float32[np.ndarray, "x y z"]:
    """Signed distances to the enclosed volume, clamped to the band."""
    distances = np.full(grid.shape, BAND * grid.spacing, np.float32)
    near = _near(mesh, grid)
    points = grid.points.reshape(*grid.shape, 3)
    distances[near] = np.minimum(distances[near], queries.nearest(points[near]).distances)
    windings = winding_numbers(mesh.single, mesh.faces, grid)
    smooth = gaussian_filter(windings, CAP_SMOOTHING)
    signs = np.where(windings > INSIDE, -1, 1).astype(np.float32)
    # Holes have no surface to measure distances from: winding numbers interpolate across them.
    caps = ((INSIDE - smooth) * 2 * BAND * grid.spacing).clip(-distances, distances)
    return np.where(distances > grid.spacing, caps, signs * distances)


def _with_shells(
    values: Float32[np.ndarray, "x y z"], queries: SurfaceQueries, grid: Grid
) -> Float32[np.ndarray, "x y z"]:
    """The distances joined with shells around the parts of the mesh that the closed surface misses."""
    band = np.abs(values) < 2 * grid.spacing
    nearest = queries.nearest(grid.points.reshape(*grid.shape, 3)[band])
    vertices, faces = extract_surface(values, grid)
    if len(faces):
        closed = SurfaceQueries(ColoredMesh(vertices, faces, np.zeros_like(vertices)))
        is_lost = closed.nearest(nearest.points).distances > LOST * grid.spacing
    else:
        is_lost = np.ones(len(nearest.points), bool)
    shells = np.where(is_lost, nearest.distances - HALF_SHELL * grid.spacing, np.inf).astype(np.float32)
    joined = values.copy()
    joined[band] = np.minimum(values[band], shells)
    return joined


def _near(mesh: WorkingMesh, grid: Grid) -> Bool[np.ndarray, "x y z"]:
    """A mask of the grid points that may be within the band."""
    number = int(np.clip(8 * mesh.areas.sum() / grid.spacing**2, 20_000, 2_000_000))
    places = np.concatenate([mesh.sample(number)[0], mesh.vertices])
    cells = np.round((places - grid.origin) / grid.spacing).astype(int)
    near = np.zeros(grid.shape, bool)
    near[tuple(cells.T)] = True
    return binary_dilation(near, np.ones((3, 3, 3), bool), iterations=int(np.ceil(BAND)))
