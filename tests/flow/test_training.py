"""The ways to start and steer a run that the other flow tests do not take."""

from __future__ import annotations

from pathlib import Path

import torch
from captures import write_capture
from tools import run_folder, run_here, train_arguments


def num_gaussians(output: Path, method: str) -> int:
    (path,) = (run_folder(output, method) / "nerfstudio_models").iterdir()
    return len(torch.load(path, weights_only=True)["pipeline"]["_model.gauss_params.means"])


def test_a_capture_without_seed_points_starts_from_random_ones(tmp_path: Path):
    capture = write_capture(tmp_path / "capture", num_points=0)
    options = ("--max-num-iterations", "20", "--pipeline.model.num-random", "500")
    run_here("ns-train", *train_arguments(capture, tmp_path, *options, method="scorp"))
    assert num_gaussians(tmp_path, "scorp") > 100


def test_antialiased_images_at_degree_zero_train_too(tmp_path: Path):
    capture = write_capture(tmp_path / "capture")
    options = ("--pipeline.model.rasterize-mode", "antialiased", "--pipeline.model.sh-degree", "0")
    run_here("ns-train", *train_arguments(capture, tmp_path, *options, "--max-num-iterations", "20", method="scorp"))
    assert num_gaussians(tmp_path, "scorp") > 100
