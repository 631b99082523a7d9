"""Coloured surfaces, what can be asked of them, and their extraction from grids."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh
from asset_making import ball

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.surfaces.components import has_matched_edges
from scorp_ns.surfaces.marching import Grid, extract_surface
from scorp_ns.surfaces.mesh import ColoredMesh
from scorp_ns.surfaces.queries import SurfaceQueries

TRIANGLE = ColoredMesh(
    np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0], [9, 9, 9]], np.float32),
    np.array([[0, 1, 2]]),
    np.eye(4, 3, dtype=np.float32),
)


def test_measures_are_those_of_the_triangles_and_not_of_unused_vertices() -> None:
    assert TRIANGLE.diagonal == pytest.approx(8**0.5)
    assert TRIANGLE.face_areas == pytest.approx([2])
    assert TRIANGLE.face_normals == pytest.approx(np.array([[0, 0, 1]]))


def test_a_mirrored_surface_still_faces_outwards() -> None:
    mirror = Similarity(torch.diag(torch.tensor([-1.0, 1, 1], dtype=torch.float64)), torch.zeros(3).double(), 2.0)
    moved = ball().moved(mirror)
    outward = np.einsum("nd,nd->n", moved.face_normals, moved.vertices[moved.faces].mean(axis=1))
    assert (outward > 0).all()
    assert moved.diagonal == pytest.approx(2 * ball().diagonal)


def test_samples_lie_evenly_in_the_triangle_with_its_colours() -> None:
    samples = TRIANGLE.sample(4000)
    assert samples.points.mean(axis=0) == pytest.approx([2 / 3, 2 / 3, 0], abs=0.03)
    weights = np.stack([1 - samples.points[:, :2].sum(axis=1) / 2, *(samples.points[:, :2].T / 2)], axis=1)
    assert np.abs(samples.colors - weights).max() < 1e-5
    assert np.array_equal(samples.points, TRIANGLE.sample(4000).points)


def test_distances_have_the_sign_of_the_side() -> None:
    points = np.array([[0, 0, 0.9], [0, 1.5, 0], [0, 0, -3]], np.float32)
    queries = SurfaceQueries(ball(4))
    assert queries.signed_distances(points) == pytest.approx([-0.1, 0.5, 2], abs=5e-3)
    nearest = queries.nearest(points)
    assert nearest.points == pytest.approx(np.array([[0, 0, 1], [0, 1, 0], [0, 0, -1]]), abs=5e-3)
    assert nearest.colors == pytest.approx(nearest.points / 2 + 0.5, abs=5e-3)


def test_rays_meet_the_near_side_first_and_nothing_beside() -> None:
    origins = np.array([[0, 0, 3], [2, 0, 3]], np.float32)
    hits = SurfaceQueries(ball(4)).cast(origins, np.array([[0, 0, -1]] * 2, np.float32))
    assert hits.distances == pytest.approx([2, np.inf], abs=1e-3)
    assert hits.normals[0] == pytest.approx([0, 0, 1], abs=0.1)
    assert not hits.normals[1].any() and not hits.colors[1].any()


def test_a_grid_covers_its_box_with_the_margin_on_all_sides() -> None:
    low, high = np.array([0.0, 0, 0]), np.array([1.0, 0.5, 0.21])
    grid = Grid.around(low, high, 0.1, 2)
    assert grid.shape == (15, 10, 8)
    assert (grid.points.min(axis=0) <= low - 0.2 + 1e-6).all() and (grid.points.max(axis=0) >= high + 0.2 - 1e-6).all()


def test_the_surface_of_a_sphere_on_a_grid_is_closed_and_faces_outwards() -> None:
    grid = Grid.around(np.full(3, -1.0), np.full(3, 1.0), 0.1, 2)
    values = (np.linalg.norm(grid.points, axis=1) - 0.8).reshape(grid.shape)
    vertices, faces = extract_surface(values, grid)
    assert np.linalg.norm(vertices, axis=1) == pytest.approx(0.8, abs=5e-3)
    assert has_matched_edges(faces)
    crosses = np.cross(vertices[faces[:, 1]] - vertices[faces[:, 0]], vertices[faces[:, 2]] - vertices[faces[:, 0]])
    assert np.einsum("nd,nd->n", crosses, vertices[faces].mean(axis=1)).min() >= 0


def test_there_is_no_surface_where_no_value_crosses_the_level() -> None:
    grid = Grid(np.zeros(3), 1.0, (3, 3, 3))
    assert not len(extract_surface(np.ones(grid.shape), grid)[1])


def test_points_on_the_surface_leave_no_vertices_together():
    grid = Grid.around(np.full(3, -1.0), np.full(3, 1.0), 0.125, margin=2)
    # Faces and edges of this cube go through points of the grid, and its edges are cut by half a cell.
    values = np.abs(grid.points).max(axis=1).reshape(grid.shape) - 0.75
    mesh = trimesh.Trimesh(*extract_surface(values, grid))
    assert mesh.is_watertight and mesh.volume == pytest.approx(1.5**3, rel=0.05)
