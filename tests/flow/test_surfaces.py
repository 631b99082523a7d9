"""Meshes and points from a run lie where the true surfaces are, at their size and in their colours."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
import yaml
from captures import BALL_CENTERS, BALL_COLORS, BALL_RADII, DOME_RADIUS, FOCAL, ball_color, dome_color, floor_color
from plyfile import PlyData
from scipy.spatial import cKDTree
from tools import run_here

PIXEL_FOOTPRINT = 2.3 / FOCAL
"""What one pixel of the tiny images covers at the balls; a surface cannot be told from its neighbour within it."""


@pytest.fixture(scope="module")
def exact_run(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose checkpoint holds small flat Gaussians on the true surfaces, so that only the exporters can err."""
    output = tmp_path_factory.mktemp("exact")
    config = yaml.load((tiny_run / "config.yml").read_text(), Loader=yaml.Loader)
    config.output_dir = output
    run = config.get_base_dir()
    shutil.copytree(tiny_run, run)
    (run / "config.yml").write_text(yaml.dump(config))
    (path,) = (run / "nerfstudio_models").iterdir()
    state = torch.load(path, weights_only=True)
    for name, value in surface_gaussians(run).items():
        state["pipeline"][f"_model.gauss_params.{name}"] = value
    torch.save(state, path)
    return run


def surface_gaussians(run: Path, spacing: float = 0.05) -> dict[str, torch.Tensor]:
    points, normals, colors = sample_surfaces(spacing)
    transform = json.loads((run / "dataparser_transforms.json").read_text())
    T_world_capture, scale = np.array(transform["transform"]), transform["scale"]
    num = len(points)
    sizes = torch.tensor([0.6, 0.6, 0.06]) * spacing * scale
    return {
        "means": torch.tensor(scale * (points @ T_world_capture[:, :3].T + T_world_capture[:, 3])).float(),
        "quats": turning_z_to(torch.tensor(normals @ T_world_capture[:, :3].T).float()),
        "scales": torch.log(sizes).repeat(num, 1),
        "opacities": torch.full((num, 1), 4.0),
        "features_dc": torch.tensor((colors - 0.5) / 0.28209479).float(),
        "features_rest": torch.zeros(num, 3, 3),
    }


def sample_surfaces(spacing: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, normals and colours of the test scene's floor, dome and balls, about `spacing` apart."""
    axis = np.arange(-DOME_RADIUS, DOME_RADIUS, spacing)
    floor = np.stack([*np.meshgrid(axis, axis), np.zeros((len(axis), len(axis)))], axis=-1).reshape(-1, 3)
    floor = floor[np.linalg.norm(floor, axis=1) < DOME_RADIUS]
    dome = fibonacci_sphere(4 * np.pi * DOME_RADIUS**2 / (2 * spacing) ** 2)
    dome = dome[dome[:, 2] > 0]
    surfaces = [(floor, np.array([[0.0, 0.0, 1.0]]).repeat(len(floor), axis=0), floor_color(floor))]
    surfaces.append((DOME_RADIUS * dome, dome, dome_color(DOME_RADIUS * dome)))
    for center, radius, color in zip(BALL_CENTERS, BALL_RADII, BALL_COLORS, strict=True):
        normals = fibonacci_sphere(4 * np.pi * radius**2 / (spacing / 2) ** 2)
        surfaces.append((center + radius * normals, normals, ball_color(normals, color)))
    points, normals, colors = zip(*surfaces, strict=True)
    return np.concatenate(points), np.concatenate(normals), np.concatenate(colors)


def fibonacci_sphere(num: float) -> np.ndarray:
    index = np.arange(int(num)) + 0.5
    z, angle = 1 - 2 * index / int(num), np.pi * (1 + 5**0.5) * index
    return np.stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z], axis=1)


def turning_z_to(normals: torch.Tensor) -> torch.Tensor:
    """Quaternions wxyz that turn the z axis to each normal."""
    quats = torch.stack([1 + normals[:, 2], -normals[:, 1], normals[:, 0], torch.zeros(len(normals))], dim=1)
    return torch.where(normals[:, 2:] < -0.9999, torch.tensor([0.0, 1, 0, 0]), quats)


@pytest.fixture(scope="module")
def exported(exact_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what the exporters write for the exact run."""
    folder = tmp_path_factory.mktemp("surfaces")
    common = ("--load-config", exact_run / "config.yml", "--output-dir", folder)
    box = ("--bounding-box-min", "-0.6", "-0.6", "-0.6", "--bounding-box-max", "0.6", "0.6", "0.6")
    fine = ("--resolution", "80", "--downscale-factor", "1")
    run_here("ns-export", "tsdf", *common, *box, *fine, "--texture-method", "tsdf")
    rays = ("--num-points", "5000", "--num-rays-per-batch", "1000")
    run_here("ns-export", "pointcloud", *common, *rays)
    run_here("ns-export", "poisson", *common, *rays, "--texture-method", "point_cloud")
    return folder


@pytest.fixture(scope="module")
def meshes(exported: Path, exact_run: Path) -> dict[str, trimesh.Trimesh]:
    """The scene's surface by each exporter, in the capture's frame."""
    names = {"tsdf": "tsdf_mesh.ply", "pointcloud": "point_cloud.ply", "poisson": "poisson_mesh.ply"}
    meshes = {name: trimesh.load(exported / file, process=False) for name, file in names.items()}
    for mesh in meshes.values():
        mesh.vertices = in_capture_frame(np.asarray(mesh.vertices), exact_run)
    return meshes


def in_capture_frame(points: np.ndarray, run: Path) -> np.ndarray:
    transforms = json.loads((run / "dataparser_transforms.json").read_text())
    T_world_capture = np.array(transforms["transform"])
    return (points / transforms["scale"] - T_world_capture[:, 3]) @ T_world_capture[:, :3]


def distance_to_truth(points: np.ndarray) -> np.ndarray:
    to_balls = np.abs(np.linalg.norm(points[:, None] - BALL_CENTERS, axis=-1) - BALL_RADII).min(axis=1)
    to_dome = np.abs(np.linalg.norm(points, axis=1) - DOME_RADIUS)
    return np.minimum.reduce([to_balls, to_dome, np.abs(points[:, 2])])


@pytest.mark.parametrize("exporter", ["pointcloud", "poisson"])
def test_points_lie_on_the_true_surfaces(meshes: dict[str, trimesh.Trimesh], exporter: str):
    """Depth along the camera's axis in place of the ray's would be off by a tenth of the distance at the corners."""
    assert np.median(distance_to_truth(np.asarray(meshes[exporter].vertices))) < PIXEL_FOOTPRINT


@pytest.mark.parametrize("exporter", ["tsdf", "pointcloud", "poisson"])
def test_the_true_balls_are_found(meshes: dict[str, trimesh.Trimesh], exporter: str):
    """The TSDF also has walls between what was seen and what was not, which are nobody's surface."""
    normals = fibonacci_sphere(300)
    upper = normals[normals[:, 2] > 0]
    truth = np.concatenate([c + r * upper for c, r in zip(BALL_CENTERS, BALL_RADII, strict=True)])
    distances, _ = cKDTree(np.asarray(meshes[exporter].vertices)).query(truth)
    assert np.median(distances) < PIXEL_FOOTPRINT


@pytest.mark.parametrize("exporter", ["tsdf", "pointcloud", "poisson"])
def test_surfaces_have_the_colours_of_the_photographs(meshes: dict[str, trimesh.Trimesh], exporter: str):
    mesh = meshes[exporter]
    points = np.asarray(mesh.vertices)
    colors = np.asarray(mesh.colors if exporter == "pointcloud" else mesh.visual.vertex_colors)[:, :3] / 255
    on_ball = np.abs(np.linalg.norm(points - BALL_CENTERS[0], axis=1) - BALL_RADII[0]) < 0.04
    upper = on_ball & (points[:, 2] > 0.4)
    assert upper.sum() > 20
    hue = np.median(colors[upper], axis=0) / np.median(colors[upper], axis=0).max()
    assert np.allclose(hue, BALL_COLORS[0] / BALL_COLORS[0].max(), atol=0.12)


def test_normals_point_out_of_the_balls(exported: Path, exact_run: Path):
    vertices = PlyData.read(exported / "point_cloud.ply")["vertex"]
    points = in_capture_frame(np.stack([vertices[axis] for axis in "xyz"], axis=1), exact_run)
    normals = np.stack([vertices[axis] for axis in ("nx", "ny", "nz")], axis=1)
    rotation = np.array(json.loads((exact_run / "dataparser_transforms.json").read_text())["transform"])[:, :3]
    outward = (points - BALL_CENTERS[0]) / BALL_RADII[0]
    on_ball = np.abs(np.linalg.norm(outward, axis=1) - 1) < 0.1
    agreement = ((normals[on_ball] @ rotation) * outward[on_ball]).sum(axis=1)
    assert np.median(agreement) > 0.85
