"""Distances between surfaces have the values that geometry says."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import trimesh

from scorp_ns.errors import ScorpError
from scorp_ns.evaluate.geometry import earth_movers_distance, geometry_scores, sample_mesh
from scorp_ns.evaluate.meshes import Mesh, read_mesh

NUMBER = 20_000
SAMPLING = 0.01
"""How far scores from so many points may be from those of the whole surface, for a shape of size 1."""


def sphere_points(seed: int = 0, radius: float = 1.0) -> np.ndarray:
    directions = np.random.default_rng(seed).normal(size=(NUMBER, 3))
    return radius * directions / np.linalg.norm(directions, axis=1, keepdims=True)


def box(*size: float) -> Mesh:
    solid = trimesh.creation.box(size)
    return Mesh(np.array(solid.vertices, np.float64), np.array(solid.faces, np.int64))


def test_a_surface_is_at_no_distance_from_itself():
    scores = geometry_scores(sphere_points(), sphere_points())
    assert (scores.chamfer, scores.emd, scores.fscore, scores.c2, scores.p2) == (0, 0, 1, 1, 1)


def test_another_draw_of_the_same_surface_scores_as_complete():
    scores = geometry_scores(sphere_points(0), sphere_points(1))
    assert scores.c2 == scores.p2 == 1 and scores.fscore > 0.99
    assert scores.chamfer_pct < 0.5 and scores.emd_pct < 2


def test_spheres_within_each_other_are_their_gap_apart():
    scores = geometry_scores(sphere_points(0), sphere_points(1, radius=1.1))
    assert scores.chamfer == pytest.approx(0.1, abs=SAMPLING)
    assert scores.chamfer_pct == pytest.approx(100 * 0.1 / math.sqrt(12), abs=SAMPLING * 100)
    assert scores.emd == pytest.approx(0.1, abs=3 * SAMPLING)
    assert scores.c2 == scores.p2 == 0


def test_chamfer_is_the_mean_of_both_directions_and_not_their_sum():
    truth = np.array([[0.0, 0, 0], [4, 0, 0]])
    reconstruction = np.array([[1.0, 0, 0]])
    assert geometry_scores(truth, reconstruction).chamfer == ((1 + 3) / 2 + 1) / 2


@pytest.mark.parametrize("step", [[0.2, 0, 0], [0, -3.0, 4.0]])
def test_moving_a_surface_costs_the_way_it_went(step: list[float]):
    points = sphere_points()
    assert earth_movers_distance(points, points + np.array(step)) == pytest.approx(np.linalg.norm(step))


def test_matching_is_one_to_one_where_nearness_is_not():
    crowd, pair = np.zeros((2, 3)), np.array([[0.0, 0, 0], [2, 0, 0]])
    assert earth_movers_distance(crowd, pair) == 1


def test_as_many_parts_are_matched_as_the_smaller_set_has_points():
    assert earth_movers_distance(np.array([[0.0, 0, 0], [2, 0, 0], [4, 0, 0]]), np.array([[2.0, 3, 0]])) == 3


def test_half_a_sphere_is_half_complete_and_precise():
    half = sphere_points(1)
    scores = geometry_scores(sphere_points(0), half[half[:, 2] > 0])
    within_reach = 0.02 * math.sqrt(12) / 2
    assert scores.c2 == pytest.approx(0.5 + within_reach, abs=SAMPLING)
    assert scores.p2 == 1


def test_what_is_invented_costs_precision_and_no_completeness():
    scores = geometry_scores(sphere_points(0), np.concatenate([sphere_points(1), sphere_points(2) + 5]))
    assert scores.c2 == 1 and scores.p2 == pytest.approx(0.5)
    assert scores.fscore == pytest.approx(2 / 3, abs=SAMPLING)


def test_percentages_do_not_depend_on_the_unit():
    one = geometry_scores(sphere_points(0), sphere_points(1, 1.05)).as_dict()
    thousand = geometry_scores(1000 * sphere_points(0), 1000 * sphere_points(1, 1.05)).as_dict()
    assert thousand.pop("chamfer") == pytest.approx(1000 * one.pop("chamfer"))
    assert thousand.pop("emd") == pytest.approx(1000 * one.pop("emd"))
    assert thousand == pytest.approx(one)


@pytest.mark.parametrize("reconstruction", [np.zeros((0, 3)), np.full((4, 3), np.nan)])
def test_nothing_is_incomplete_and_still_json(reconstruction: np.ndarray):
    scores = geometry_scores(sphere_points(), reconstruction)
    assert scores.c2 == scores.fscore == 0
    assert scores.chamfer is scores.emd is scores.p2 is None
    assert "NaN" not in json.dumps(scores.as_dict(), allow_nan=False)


def test_points_that_are_not_finite_are_left_out():
    points = np.concatenate([sphere_points(), [[np.inf, 0, 0]], [[0, np.nan, 0]]])
    assert geometry_scores(sphere_points(), points).chamfer == 0


@pytest.mark.parametrize("ending", ["ply", "glb", "obj"])
def test_points_are_drawn_by_area(tmp_path: Path, ending: str):
    path = tmp_path / f"box.{ending}"
    trimesh.creation.box((1, 1, 4)).export(path)
    points = sample_mesh(path, NUMBER, seed=0)
    is_on_lid = np.isclose(np.abs(points[:, 2]), 2, atol=1e-6)
    assert is_on_lid.mean() == pytest.approx(2 / 18, abs=SAMPLING)
    assert np.abs(np.abs(points) / [0.5, 0.5, 2]).max(axis=1) == pytest.approx(1, abs=1e-6)
    assert points[~is_on_lid].mean(axis=0) == pytest.approx(0, abs=3 * SAMPLING)


def test_the_same_seed_draws_the_same_points():
    solid = box(1, 2, 3)
    assert np.array_equal(solid.sample(100, 5), solid.sample(100, 5))
    assert not np.array_equal(solid.sample(100, 5), solid.sample(100, 6))


def test_parts_of_a_scene_stand_where_the_file_puts_them(tmp_path: Path):
    scene = trimesh.Scene(trimesh.creation.box((1, 1, 1)))
    scene.add_geometry(trimesh.creation.box((1, 1, 1)), transform=trimesh.transformations.translation_matrix([4, 0, 0]))
    scene.export(tmp_path / "two.glb")
    mesh = read_mesh(tmp_path / "two.glb")
    assert mesh.center == pytest.approx([2, 0, 0]) and mesh.diagonal == pytest.approx(math.sqrt(27))


def test_vertices_of_no_triangle_do_not_count_for_size():
    solid = box(1, 1, 1)
    stray = Mesh(np.concatenate([solid.vertices, [[9.0, 9, 9]]]), solid.faces)
    assert stray.diagonal == solid.diagonal and stray.center == pytest.approx(0)


def test_a_missing_mesh_is_named(tmp_path: Path):
    with pytest.raises(ScorpError, match=r"gone\.ply does not exist\. A mesh is a .* Check the path"):
        read_mesh(tmp_path / "gone.ply")


def test_an_unreadable_mesh_is_named(tmp_path: Path):
    (tmp_path / "broken.glb").write_bytes(b"glTF")
    with pytest.raises(ScorpError, match=r"broken\.glb cannot be read: "):
        read_mesh(tmp_path / "broken.glb")


def test_a_point_cloud_is_no_surface(tmp_path: Path):
    trimesh.PointCloud(np.eye(3)).export(tmp_path / "cloud.ply")
    with pytest.raises(ScorpError, match=r"cloud\.ply holds \d+ vertices and 0 triangles, which make up no surface"):
        read_mesh(tmp_path / "cloud.ply")
