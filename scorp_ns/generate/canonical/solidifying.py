"""A closed surface around what any surface encloses, and around what of it encloses nothing."""

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
"""Between the points of the grid, in diagonals: what is finer is lost, by about half of it."""

MOST_FACES = 60_000
"""A finer surface is made coarser before: the grid holds no more of it, and the nearest points take long to find."""

MARGIN = 3
"""Empty cells around the surface."""

BAND = 2.5
"""Distances are known up to here, in cells."""

INSIDE = 0.5
"""Points with a higher winding number are inside: a hole is closed where half of what one sees through it is open."""

CAP_SMOOTHING = 1.5
"""The winding numbers that close holes are smoothed by so many cells, as they come from few directions."""

LOST = 1.0
"""Parts of the surface further than this from what was closed, in cells, enclose nothing there."""

HALF_SHELL = 0.6
"""Those become a shell of twice this thickness, in cells; the grid cannot miss half a cell to either side."""


def solidify(mesh: WorkingMesh) -> WorkingMesh | None:
    """A closed surface outside of which the mesh winds around nothing; None if there is nothing of it."""
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
    """Distances from what the mesh encloses, as far as the band reaches."""
    distances = np.full(grid.shape, BAND * grid.spacing, np.float32)
    near = _near(mesh, grid)
    points = grid.points.reshape(*grid.shape, 3)
    distances[near] = np.minimum(distances[near], queries.nearest(points[near]).distances)
    windings = winding_numbers(mesh.single, mesh.faces, grid)
    smooth = gaussian_filter(windings, CAP_SMOOTHING)
    signs = np.where(windings > INSIDE, -1, 1).astype(np.float32)
    # Where a hole is closed there is no surface to be far from: there the winding numbers lead from side to side.
    caps = ((INSIDE - smooth) * 2 * BAND * grid.spacing).clip(-distances, distances)
    return np.where(distances > grid.spacing, caps, signs * distances)


def _with_shells(
    values: Float32[np.ndarray, "x y z"], queries: SurfaceQueries, grid: Grid
) -> Float32[np.ndarray, "x y z"]:
    """The distances with shells around those parts of the surface that the closed one does not pass by."""
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
    """The points of the grid that may be as near to the surface as the band reaches."""
    number = int(np.clip(8 * mesh.areas.sum() / grid.spacing**2, 20_000, 2_000_000))
    places = np.concatenate([mesh.sample(number)[0], mesh.vertices])
    cells = np.round((places - grid.origin) / grid.spacing).astype(int)
    near = np.zeros(grid.shape, bool)
    near[tuple(cells.T)] = True
    return binary_dilation(near, np.ones((3, 3, 3), bool), iterations=int(np.ceil(BAND)))
