"""Generalised winding numbers of points: 1 inside a closed surface, in between where it has holes."""

from __future__ import annotations

from itertools import product

import numpy as np
from jaxtyping import Float32, Float64, Int64

from scorp_ns.surfaces.marching import Grid

DIRECTIONS = tuple((x, y, z) for x, y, z in product((-1, 0, 1), repeat=3) if (x, y, z) > (0, 0, 0))
"""Along the edges and diagonals of a grid's cells, each with its opposite."""

WEIGHTS = {1: 1 / 21, 2: 4 / 105, 3: 9 / 280}
"""Lebedev's rule of 26 directions, exact up to degree 7: weights by the number of axes a direction has."""

JITTER = 0.02
"""Rays start so far beside the points of a grid, in cells, lest they run along edges of triangles."""


class Crossings:
    """Intersections of rays with a surface, and their sense."""

    def __init__(self, vertices: Float32[np.ndarray, "v 3"], faces: Int64[np.ndarray, "f 3"]) -> None:
        import open3d

        self._tensor = open3d.core.Tensor
        corners = vertices[faces].astype(np.float64)
        self._normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        self._scene = open3d.t.geometry.RaycastingScene()
        self._scene.add_triangles(
            self._tensor(np.ascontiguousarray(vertices)), self._tensor(np.ascontiguousarray(faces, np.uint32))
        )

    def of(
        self, origins: Float64[np.ndarray, "n 3"], directions: Float64[np.ndarray, "n 3"]
    ) -> tuple[Int64[np.ndarray, " c"], Float64[np.ndarray, " c"], Int64[np.ndarray, " c"]]:
        """For each crossing its ray, the distance in lengths of the direction, and 1 on the way in or -1 out."""
        rays = np.concatenate([origins, directions], axis=1).astype(np.float32)
        found = self._scene.list_intersections(self._tensor(rays))
        indices = found["ray_ids"].numpy().astype(np.int64)
        faces = found["primitive_ids"].numpy().astype(np.int64)
        cosines = np.einsum("nd,nd->n", self._normals[faces], directions[indices])
        return indices, found["t_hit"].numpy().astype(np.float64), -np.sign(cosines).astype(np.int64)


def winding_numbers(
    vertices: Float32[np.ndarray, "v 3"], faces: Int64[np.ndarray, "f 3"], grid: Grid
) -> Float32[np.ndarray, "x y z"]:
    """The generalised winding numbers of a grid's points, which must reach beyond the surface on all sides.

    The number is the mean, over all directions, of how often a ray leaves the surface rather than enters it (Jacobson
    et al. 2013, by Monte Carlo). Along the lines of a grid, one ray answers for all points of the line.
    """
    crossings, total = Crossings(vertices, faces), np.zeros(grid.shape, np.float32)
    for step in DIRECTIONS:
        weight = WEIGHTS[sum(map(abs, step))]
        total += weight * _along_lines(_entries(crossings, grid, step), step)
    return total


def _entries(crossings: Crossings, grid: Grid, step: tuple[int, int, int]) -> Float32[np.ndarray, "x y z"]:
    """Entries of lines in a direction into the surface just before each point."""
    shape = np.array(grid.shape)
    indices = np.indices(grid.shape).reshape(3, -1).T
    before = indices - step
    starts = indices[((before < 0) | (before >= shape)).any(axis=1)]
    jitter = np.random.default_rng(0).uniform(-JITTER, JITTER, starts.shape)
    origins = grid.origin + grid.spacing * (starts + jitter)
    directions = np.broadcast_to(grid.spacing * np.array(step, np.float64), origins.shape)
    rays, distances, senses = crossings.of(origins, directions)
    places = starts[rays] + np.ceil(distances).astype(np.int64)[:, None] * step
    flat = np.ravel_multi_index(tuple(places.clip(0, shape - 1).T), grid.shape)
    return np.bincount(flat, senses, minlength=indices.shape[0]).reshape(grid.shape).astype(np.float32)


def _along_lines(entries: Float32[np.ndarray, "x y z"], step: tuple[int, int, int]) -> Float32[np.ndarray, "x y z"]:
    """Entries behind each point less exits behind it, plus exits before it less entries before it."""
    axis = next(axis for axis in range(3) if step[axis])
    others = [part for position, part in enumerate(step) if position != axis]
    slabs = np.moveaxis(entries, axis, 0)
    behind, ahead = slabs.copy(), np.zeros_like(slabs)
    here, there = _shifts(others)
    for index in range(1, len(slabs)):
        behind[index][there] += behind[index - 1][here]
        back = len(slabs) - 1 - index
        ahead[back][here] += ahead[back + 1][there] + slabs[back + 1][there]
    return np.moveaxis(behind - ahead, 0, axis)


def _shifts(steps: list[int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of a slab that has a next point in the following slab, and those next points."""
    here = {0: slice(None), 1: slice(None, -1), -1: slice(1, None)}
    there = {0: slice(None), 1: slice(1, None), -1: slice(None, -1)}
    return (here[steps[0]], here[steps[1]]), (there[steps[0]], there[steps[1]])


def unsound_share(vertices: Float32[np.ndarray, "v 3"], faces: Int64[np.ndarray, "f 3"], number: int = 4000) -> float:
    """The share of what a surface encloses that it winds around other than once, or of rays that it lets in and never
    out; 0 for the closed surface of a body, however it looks. The surface is about 1 across."""
    random = np.random.default_rng(0)
    corners = vertices[faces].astype(np.float64)
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    chosen = random.choice(len(faces), number, p=areas / areas.sum())
    weights = random.dirichlet((1, 1, 1), number)
    directions = random.normal(size=(number, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    span = 2 * float(np.ptp(corners.reshape(-1, 3), axis=0).sum())
    origins = np.einsum("nk,nkd->nd", weights, corners[chosen]) - span * directions
    rays, distances, senses = Crossings(vertices, faces).of(origins, directions)
    order = np.lexsort((distances, rays))
    rays, distances, senses = rays[order], distances[order], senses[order]
    sums = np.cumsum(senses)
    is_last = np.append(rays[1:] != rays[:-1], True)
    before = np.concatenate([[0], sums[is_last]])[np.cumsum(np.append(False, is_last[:-1]))]
    windings = sums - before
    lengths = np.where(is_last, 0, np.append(np.diff(distances), 0))
    enclosed, wrong = lengths[windings != 0].sum(), lengths[(windings != 0) & (windings != 1)].sum()
    open_share = float((windings[is_last] != 0).mean()) if len(windings) else 1.0
    return max(float(wrong / enclosed) if enclosed > 0 else 1.0, open_share)
