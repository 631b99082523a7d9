"""Lifted objects become complete proxies in the real `ns-train`, whoever makes them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from captures import (
    BALL_CENTERS,
    BALL_COLORS,
    BALL_NAMES,
    BALL_RADII,
    FOCAL,
    write_ball_assets,
    write_capture,
    write_object_masks,
)
from tools import COARSE_PROXIES, run, run_folder, run_here, train_arguments

from scorp_ns.errors import ScorpError
from scorp_ns.formats.splat_ply import read_splats

BRIEF = (
    *("--max-num-iterations", "60", "--save-objects", "True", "--pipeline.model.schedule.propose-at", "0.8"),
    *("--pipeline.model.schedule.place-at", "2", "--pipeline.model.schedule.compose-at", "2"),
)

PIXEL = 2.0 / FOCAL
"""What a pixel covers where the balls stand, two metres from the cameras. Small objects lose up to two at outlines."""

GENERATOR = "--pipeline.model.generator"


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_object_masks(write_capture(tmp_path_factory.mktemp("balls") / "capture"))


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ball_assets(tmp_path_factory.mktemp("assets"))


def train(capture: Path, output: Path, *options: str | Path) -> Path:
    """Train briefly; the run's folder."""
    run_here("ns-train", *train_arguments(capture, output, *BRIEF, *COARSE_PROXIES, *options))
    return run_folder(output)


def state_of(folder: Path) -> dict[str, Any]:
    (path,) = (folder / "nerfstudio_models").iterdir()
    return torch.load(path, weights_only=True)["pipeline"]["_model.scene_proxies._extra_state"]


def test_a_ball_is_completed_where_it_stands(tiny_run: Path):
    printed = (tiny_run.parents[2] / "printed.txt").read_text()
    assert "Proxies" in printed
    for name, center, radius, color in zip(BALL_NAMES, BALL_CENTERS, BALL_RADII, BALL_COLORS, strict=True):
        folder = tiny_run / "scorp" / name
        mesh = trimesh.load(folder / "proxy_mesh.ply")
        assert mesh.is_watertight
        away = np.linalg.norm(mesh.sample(2000) - center, axis=1)
        assert np.abs(np.median(away) - radius) < 2.5 * PIXEL, name
        mean_color = np.asarray(mesh.visual.vertex_colors)[:, :3].mean(axis=0) / 255
        assert np.linalg.norm(mean_color / mean_color.max() - color / color.max()) < 0.25, name
        splats = read_splats(folder / "proxy_gaussians.ply")
        # Few photographs, briefly trained on, leave bumps.
        assert np.linalg.norm(splats.means.numpy().mean(axis=0) - center) < 0.5 * radius, name
        found = json.loads((folder / "proxy.json").read_text())
        assert found["frame"] == "capture" and found["evidence"]


def test_assets_become_proxies_that_wait_for_their_place(capture: Path, assets: Path, tmp_path: Path):
    folder = train(capture, tmp_path, f"{GENERATOR}.name", "asset", f"{GENERATOR}.asset.folder", assets)
    for name, color in zip(BALL_NAMES, BALL_COLORS, strict=True):
        mesh = trimesh.load(folder / "scorp" / name / "proxy_mesh.ply")
        np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), 0.5 / 3**0.5, atol=0.01)
        mean_color = np.asarray(mesh.visual.vertex_colors)[:, :3].mean(axis=0) / 255
        np.testing.assert_allclose(mean_color, color, atol=0.02)
        assert json.loads((folder / "scorp" / name / "proxy.json").read_text())["frame"] == "proxy"


def test_a_generator_that_fails_costs_its_object_only_and_may_try_again(
    capture: Path, assets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    one, *others = BALL_NAMES
    program = f'{sys.executable} -c "raise SystemExit(3)" {{result}}'
    chosen = (f"{GENERATOR}.name", "asset", f"{GENERATOR}.asset.folder", assets)
    folder = train(
        *(capture, tmp_path / "first", *chosen),
        *(f"{GENERATOR}.per-object", one, "command", f"{GENERATOR}.command.template", program),
    )
    state = state_of(folder)
    assert list(state["facts"]) == others
    assert "exit code 3" in state["failures"][one]
    assert "no proxy" in capsys.readouterr().out
    failed = json.loads((folder / "scorp" / "proxies.json").read_text())["failed"]
    assert "exit code 3" in failed[one]

    again = train(capture, tmp_path / "second", *chosen, "--load-dir", folder, "--regenerate", one)
    state = state_of(again)
    assert sorted(state["facts"]) == sorted(BALL_NAMES) and not state["failures"]
    assert (again / "dataparser_transforms.json").is_file()


def test_a_stored_reply_is_not_paid_for_twice(capture: Path, assets: Path, tmp_path: Path):
    counter = tmp_path / "calls"
    program = tmp_path / "program.py"
    program.write_text(
        "import shutil, sys\n"
        f"open({str(counter)!r}, 'a').write('x')\n"
        f"shutil.copy({str(assets / BALL_NAMES[0])!r} + '.ply', sys.argv[1])\n"
    )
    options = (
        *(f"{GENERATOR}.name", "command", f"{GENERATOR}.command.result", "ply"),
        *(f"{GENERATOR}.command.template", f"{sys.executable} {program} {{result}}"),
    )
    train(capture, tmp_path, *options)
    train(capture, tmp_path, *options, "--timestamp", "again")
    assert counter.read_text() == "xxx"
    train(capture, tmp_path, *options, "--timestamp", "anew", "--regenerate", BALL_NAMES[1])
    assert counter.read_text() == "xxxx"


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((f"{GENERATOR}.name", "magic"), "No plugin 'magic'"),
        ((f"{GENERATOR}.name", "asset"), "generator.asset.folder"),
        ((f"{GENERATOR}.per-object", "blue ball", "symmetry"), "names 'blue ball'"),
        (("--regenerate", "blue ball"), "names 'blue ball'"),
    ],
)
def test_a_choice_that_cannot_work_is_refused_before_training(
    capture: Path, tmp_path: Path, options: tuple[str, ...], found: str
):
    with pytest.raises(ScorpError, match=found):
        train(capture, tmp_path, *options)


@pytest.mark.slow
def test_marching_cubes_exports_the_proxies_where_they_stand(tiny_run: Path, tmp_path: Path):
    code, output = run(
        *("ns-export", "marching-cubes", "--load-config", tiny_run / "config.yml", "--output-dir", tmp_path),
        *("--resolution", "512", "--target-num-faces", "2000", "--num-pixels-per-side", "256"),
    )
    assert code == 0, output
    mesh = trimesh.load(tmp_path / "sdf_marching_cubes_mesh.ply")
    assert len(mesh.split()) >= len(BALL_NAMES)
