"""Every nerfstudio tool works on a run of scorp, without a GPU, a network, or programs of the system."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from captures import write_capture
from plyfile import PlyData
from tools import run_folder, run_here, train_arguments
from warm_processes import run_warm

CAMERA_PATH = {
    "camera_type": "perspective",
    "render_height": 24,
    "render_width": 32,
    "fps": 4,
    "seconds": 0.5,
    "camera_path": [
        {"camera_to_world": np.eye(4).flatten().tolist(), "fov": 60, "aspect": 4 / 3},
        {"camera_to_world": (np.eye(4) + np.eye(4, k=3) * 0.1).flatten().tolist(), "fov": 60, "aspect": 4 / 3},
    ],
}


@pytest.fixture
def config(tiny_run: Path) -> Path:
    return tiny_run / "config.yml"


def test_training_leaves_one_whole_checkpoint(tiny_run: Path):
    (checkpoint,) = (tiny_run / "nerfstudio_models").iterdir()
    assert torch.load(checkpoint, weights_only=True)["step"] == 299


def test_eval_reports_psnr_and_ssim_and_leaves_lpips_out(config: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "no_weights"))
    run_here("ns-eval", "--load-config", config, "--output-path", tmp_path / "eval.json")
    results = json.loads((tmp_path / "eval.json").read_text())["results"]
    assert results["psnr"] > 10 and 0 < results["ssim"] <= 1
    assert "lpips" not in results


def test_render_dataset_writes_an_image_per_view(config: Path, tmp_path: Path):
    run_here("ns-render", "dataset", "--load-config", config, "--output-path", tmp_path, "--split", "train")
    assert len(list((tmp_path / "train" / "rgb").iterdir())) > 5


def test_render_interpolate_writes_a_video_without_an_installed_ffmpeg(config: Path, tmp_path: Path):
    video = tmp_path / "video.mp4"
    program = f"""
        import os
        from scorp_ns.host.patches import prepare_host
        os.environ["PATH"] = {str(tmp_path / "nothing_here")!r}
        prepare_host()
    """
    code, output = run_warm(
        "ns-render",
        *("interpolate", "--load-config", config, "--output-path", video),
        *("--pose-source", "train", "--interpolation-steps", "2", "--frame-rate", "4"),
        program=program,
    )
    assert code == 0, output
    assert video.stat().st_size > 500


def test_render_camera_path_writes_an_image_per_camera(config: Path, tmp_path: Path):
    (tmp_path / "path.json").write_text(json.dumps(CAMERA_PATH))
    run_here(
        "ns-render",
        *("camera-path", "--load-config", config, "--camera-path-filename", tmp_path / "path.json"),
        *("--output-path", tmp_path / "frames", "--output-format", "images"),
    )
    assert len(list((tmp_path / "frames").iterdir())) == 2


def test_export_gaussian_splat_has_the_fields_other_viewers_read(config: Path, tmp_path: Path):
    run_here("ns-export", "gaussian-splat", "--load-config", config, "--output-dir", tmp_path)
    vertices = PlyData.read(tmp_path / "splat.ply")["vertex"]
    expected = {"x", "y", "z", "opacity", "scale_0", "rot_3", "f_dc_0", "f_rest_8"}
    assert expected <= set(vertices.data.dtype.names)
    assert vertices.count > 50


def test_export_cameras_lists_the_training_views(config: Path, tmp_path: Path):
    run_here("ns-export", "cameras", "--load-config", config, "--output-dir", tmp_path)
    assert json.loads((tmp_path / "transforms_train.json").read_text())


def test_export_tsdf_writes_a_coloured_mesh(config: Path, tmp_path: Path):
    run_here(
        "ns-export",
        *("tsdf", "--load-config", config, "--output-dir", tmp_path),
        *("--resolution", "48", "--target-num-faces", "500", "--num-pixels-per-side", "64"),
    )
    mesh = trimesh.load(tmp_path / "tsdf_mesh.ply", process=False)
    assert len(mesh.faces) > 100
    assert np.asarray(mesh.visual.vertex_colors)[:, :3].std() > 5
    assert (tmp_path / "mesh.obj").exists() and (tmp_path / "material_0.png").exists()


@pytest.mark.parametrize("normal_method", ["model_output", "open3d"])
def test_export_pointcloud_has_colours_and_normals(config: Path, tmp_path: Path, normal_method: str):
    run_here(
        "ns-export",
        *("pointcloud", "--load-config", config, "--output-dir", tmp_path),
        *("--num-points", "3000", "--num-rays-per-batch", "1000", "--normal-method", normal_method),
    )
    vertices = PlyData.read(tmp_path / "point_cloud.ply")["vertex"]
    normals = np.stack([vertices["nx"], vertices["ny"], vertices["nz"]], axis=1)
    assert vertices.count >= 2500
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-3)


def test_export_poisson_writes_a_mesh(config: Path, tmp_path: Path):
    run_here(
        "ns-export",
        *("poisson", "--load-config", config, "--output-dir", tmp_path),
        *("--num-points", "3000", "--num-rays-per-batch", "1000"),
        *("--target-num-faces", "500", "--num-pixels-per-side", "64"),
    )
    assert len(trimesh.load(tmp_path / "poisson_mesh.ply", process=False).faces) > 100


def test_export_marching_cubes_says_what_it_needs(tmp_path: Path):
    run_here("ns-train", *train_arguments(write_capture(tmp_path / "capture"), tmp_path, "--max-num-iterations", "2"))
    config = run_folder(tmp_path) / "config.yml"
    code, output = run_warm("ns-export", "marching-cubes", "--load-config", config, "--output-dir", tmp_path)
    assert code == 1
    assert "No proxy is placed" in output and "ns-export tsdf" in output
    assert "Traceback" not in output
