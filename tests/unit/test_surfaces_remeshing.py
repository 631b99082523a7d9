"""Triangulations made finer and coarser, and what they are made of."""

from __future__ import annotations

import numpy as np
import pytest
from asset_making import ball, joined

from scorp_ns.surfaces.components import clusters, has_matched_edges, orient_patches, unmatched_edges
from scorp_ns.surfaces.marching import Grid
from scorp_ns.surfaces.remeshing import cluster, places_of, refine
from scorp_ns.surfaces.winding import unsound_share, winding_numbers

BALL = ball()


def longer_than(limit: float):
    def needs_split(vertices: np.ndarray, attributes: np.ndarray, faces: np.ndarray) -> np.ndarray:
        corners = vertices[faces]
        return np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2) > limit

    return needs_split


def test_refining_leaves_no_long_edge_and_opens_no_crack_along_seams() -> None:
    apart = BALL.vertices[BALL.faces].reshape(-1, 3).astype(np.float64)
    faces = np.arange(len(apart)).reshape(-1, 3)
    limit = longer_than(0.1)
    vertices, attributes, finer = refine(apart, apart.copy(), faces, limit, 100_000)
    assert not limit(vertices, attributes, finer).any()
    assert has_matched_edges(places_of(vertices)[finer])
    assert attributes == pytest.approx(vertices), "attributes follow linearly"
    areas = [np.linalg.norm(np.cross(v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]]), axis=1).sum()
             for v, f in ((apart, faces), (vertices, finer))]  # fmt: skip
    assert areas[0] == pytest.approx(areas[1])


def test_one_long_side_is_split_in_its_neighbour_as_well() -> None:
    vertices = np.array([[0, 0, 0], [4, 0, 0], [2, 1, 0], [2, -1, 0]], np.float64)
    faces = np.array([[0, 1, 2], [1, 0, 3]])
    _, _, finer = refine(vertices, np.zeros((4, 0)), faces, longer_than(3), 100)
    assert len(finer) == 4
    assert (unmatched_edges(finer) != 0).sum() == 4, "only the rim is open"


def test_refining_stops_at_the_limit() -> None:
    vertices = BALL.vertices.astype(np.float64)
    assert len(refine(vertices, vertices, BALL.faces, longer_than(1e-3), 30_000)[2]) <= 30_000


def test_clustering_keeps_a_closed_surface_closed_and_near() -> None:
    fine = ball(5)
    vertices, attributes, faces = cluster(
        fine.vertices.astype(np.float64), fine.colors.astype(np.float64), fine.faces, 5000
    )
    assert 2000 < len(faces) <= 5000
    assert has_matched_edges(faces)
    assert np.linalg.norm(vertices, axis=1) == pytest.approx(1, abs=0.02)
    assert attributes == pytest.approx(vertices / 2 + 0.5, abs=1e-6)


def test_patches_are_turned_to_face_one_way() -> None:
    is_turned = np.random.default_rng(0).random(len(BALL.faces)) < 0.4
    mixed = np.where(is_turned[:, None], BALL.faces[:, ::-1], BALL.faces)
    turns, patches = orient_patches(mixed)
    assert not has_matched_edges(mixed)
    assert has_matched_edges(np.where(turns[:, None], mixed[:, ::-1], mixed))
    assert not patches.any()


def test_a_moebius_strip_is_left_as_it_is() -> None:
    strip = np.array([[0, 1, 2], [1, 3, 2], [2, 3, 4], [3, 5, 4], [4, 5, 1], [5, 0, 1]])
    assert not orient_patches(strip)[0].any()


def test_edges_that_fall_together_do_not_open_a_surface() -> None:
    places = np.arange(len(BALL.vertices))
    places[BALL.faces[0]] = BALL.faces[0, 0]
    assert has_matched_edges(places[BALL.faces])


def test_points_cluster_by_their_gaps() -> None:
    points = np.concatenate([np.arange(10.0), 20 + np.arange(5.0), [1e9]])[:, None] * (1, 0, 0)
    labels = clusters(points, 1.0)
    assert [len(set(part)) for part in (labels[:10], labels[10:15], labels)] == [1, 1, 3]


def test_winding_numbers_are_1_inside_and_0_outside() -> None:
    grid = Grid.around(np.full(3, -1.0), np.full(3, 1.0), 0.1, 2)
    radii = np.linalg.norm(grid.points, axis=1).reshape(grid.shape)
    windings = winding_numbers(BALL.vertices, BALL.faces, grid)
    assert windings[radii < 0.95] == pytest.approx(1, abs=0.1)
    assert windings[radii > 1.02] == pytest.approx(0, abs=0.1)


def test_half_a_sphere_winds_around_its_middle_half_once() -> None:
    lower = BALL.faces[BALL.vertices[BALL.faces].mean(axis=1)[:, 2] < 0]
    grid = Grid(np.full(3, -2.02), 0.1, (41, 41, 41))
    windings = winding_numbers(BALL.vertices, lower, grid)
    assert windings[20, 20, 20] == pytest.approx(0.5, abs=0.2)
    assert windings[20, 20, 12] > 0.6 and windings[20, 20, 28] < 0.4


def test_only_the_surface_of_a_body_is_sound() -> None:
    overlapping = joined(BALL, ball(center=(0.7, 0.2, 0)))
    beside = joined(BALL, ball(center=(3, 0.2, 0)))
    half = BALL.faces[BALL.vertices[BALL.faces].mean(axis=1)[:, 2] < 0]
    assert unsound_share(BALL.vertices, BALL.faces) < 1e-3
    assert unsound_share(beside.vertices, beside.faces) < 1e-3
    assert unsound_share(overlapping.vertices, overlapping.faces) > 0.2
    assert unsound_share(BALL.vertices, half) > 0.2
    assert unsound_share(BALL.vertices, BALL.faces[:, ::-1].copy()) > 0.9
