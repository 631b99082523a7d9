"""nerfstudio's exporters write the composed scene: proxies stand where balls do, at their size, in tuned colours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from captures import BALL_CENTERS, BALL_NAMES, BALL_RADII, FOCAL
from finished_runs import tuned_ball_color, write_finished_run
from scipy.spatial import cKDTree
from tools import run_here

PIXEL_FOOTPRINT = 2.3 / FOCAL
"""What one pixel of the tiny images covers at the balls."""

COLOR_TOLERANCE = 0.1
"""Pixels at the rim of a ball are half of what lies behind it."""

PLACED = range(len(BALL_NAMES) - 1)


@pytest.fixture(scope="module")
def run(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a composed run with exact proxies."""
    return write_finished_run(tiny_run, tmp_path_factory.mktemp("composed"), keep_capture=True)


@pytest.fixture(scope="module")
def folder(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the exporters write."""
    return tmp_path_factory.mktemp("surfaces")


def export(run: Path, folder: Path, what: str, *options: str) -> None:
    run_here("ns-export", what, "--load-config", run / "config.yml", "--output-dir", folder, *options)


def in_capture(points: np.ndarray, run: Path) -> np.ndarray:
    """Points of the frame of training in that of the capture."""
    transforms = json.loads((run / "dataparser_transforms.json").read_text())
    T_world_capture = np.array(transforms["transform"])
    return (np.asarray(points) / transforms["scale"] - T_world_capture[:, 3]) @ T_world_capture[:, :3]


def assert_balls(points: np.ndarray, colors: np.ndarray | None) -> None:
    """The upper halves of the placed balls are there, and what lies on them has their tuned colours."""
    for index in PLACED:
        center, radius = BALL_CENTERS[index], BALL_RADII[index]
        normals = trimesh.creation.icosphere(subdivisions=2).vertices
        upper = center + radius * normals[normals[:, 2] > 0.2]
        distances, _ = cKDTree(points).query(upper)
        assert np.median(distances) < PIXEL_FOOTPRINT
        if colors is not None:
            directions = (points - center) / radius
            is_on = np.abs(np.linalg.norm(directions, axis=1) - 1) < PIXEL_FOOTPRINT / radius
            expected = tuned_ball_color(torch.from_numpy(directions[is_on])).numpy()
            assert is_on.sum() > 10
            assert np.median(np.abs(colors[is_on] - expected)) < COLOR_TOLERANCE


def test_pointcloud(run: Path, folder: Path):
    export(run, folder, "pointcloud", "--num-points", "5000", "--num-rays-per-batch", "1000")
    cloud = trimesh.load(folder / "point_cloud.ply")
    assert_balls(in_capture(cloud.vertices, run), np.asarray(cloud.colors)[:, :3] / 255)


def test_tsdf(run: Path, folder: Path):
    box = ("--bounding-box-min", "-0.6", "-0.6", "-0.6", "--bounding-box-max", "0.6", "0.6", "0.6")
    options = ("--resolution", "80", "--downscale-factor", "1", "--texture-method", "tsdf")
    export(run, folder, "tsdf", *box, *options)
    mesh = trimesh.load(folder / "tsdf_mesh.ply", process=False)
    assert_balls(in_capture(mesh.vertices, run), np.asarray(mesh.visual.vertex_colors)[:, :3] / 255)


@pytest.mark.slow
def test_poisson(run: Path, folder: Path):
    rays = ("--num-points", "5000", "--num-rays-per-batch", "1000", "--texture-method", "point_cloud")
    export(run, folder, "poisson", *rays)
    mesh = trimesh.load(folder / "poisson_mesh.ply", process=False)
    assert_balls(in_capture(mesh.vertices, run), np.asarray(mesh.visual.vertex_colors)[:, :3] / 255)


@pytest.mark.slow
def test_marching_cubes_is_the_union_of_the_placed_proxies(run: Path, folder: Path):
    options = ("--resolution", "512", "--target-num-faces", "2000", "--num-pixels-per-side", "256")
    export(run, folder, "marching-cubes", *options)
    mesh = trimesh.load(folder / "sdf_marching_cubes_mesh.ply", process=False)
    points = in_capture(mesh.vertices, run)
    assert_balls(points, None)
    off = [np.abs(np.linalg.norm(points - BALL_CENTERS[index], axis=1) / BALL_RADII[index] - 1) for index in PLACED]
    assert np.minimum.reduce(off).max() < 0.05


def test_cameras_are_those_of_the_capture(run: Path, tiny_run: Path, folder: Path):
    export(run, folder, "cameras")
    exported = json.loads((folder / "transforms_train.json").read_text())
    capture = json.loads((tiny_run.parents[2] / "capture" / "transforms.json").read_text())
    true = {Path(frame["file_path"]).name: np.array(frame["transform_matrix"])[:3, 3] for frame in capture["frames"]}
    assert len(exported) > 5
    for frame in exported:
        origin = in_capture(np.array(frame["transform"])[None, :3, 3], run)[0]
        assert np.allclose(origin, true[Path(frame["file_path"]).name], atol=1e-4)
