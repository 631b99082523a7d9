"""A run that was killed and resumed ends exactly like one that was never killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from captures import BALL_NAMES, write_capture, write_object_masks
from resuming import assert_identical, killed_run, last_checkpoint
from tools import COARSE_PROXIES, run_folder, run_here, train_arguments
from warm_processes import run_warm

NUM_ITERATIONS = 60
OPTIONS = (
    *(
        "--max-num-iterations",
        str(NUM_ITERATIONS),
        "--steps-per-save",
        "20",
        "--steps-per-eval-image",
        "7",
        "--pipeline.model.schedule.lift-at",
        "0.6",
        "--pipeline.model.schedule.propose-at",
        "0.6",
        "--pipeline.model.schedule.compose-at",
        "0.65",
    ),
    *COARSE_PROXIES,
    *("--pipeline.model.schedule.densify-until", "1.0", "--pipeline.model.camera-optimizer.mode", "SO3xR3"),
)
"""Runs in which all happens."""

SCENE_OPTIONS = (*OPTIONS, *("--pipeline.model.schedule.propose-at", "2", "--pipeline.model.schedule.compose-at", "2"))
"""Runs of seconds, which end after objects were lifted."""

SCENE_STAGES = ("scene", "lift")

KILLS = {
    "while proxies are made": """
        from scorp_ns.run import proposing as proxy_flow
        names = []
        def propose(request, *arguments):
            names.append(request.name)
            if len(names) == 2: die()
            return real_propose(request, *arguments)
        real_propose, proxy_flow.propose = proxy_flow.propose, propose
    """,
    "while objects are composed": """
        from scorp_ns.run import composing as compose_flow
        names = []
        def compose(depths, one, *arguments):
            names.append(one.name)
            if len(names) == 2: die()
            return real_compose(depths, one, *arguments)
        real_compose, compose_flow.compose = compose_flow.compose, compose
    """,
    "after objects were composed": """
        from scorp_ns.trainer import ScorpTrainer
        iterate = ScorpTrainer.train_iteration
        def train_iteration(self, step):
            if step == 58: die()
            return iterate(self, step)
        ScorpTrainer.train_iteration = train_iteration
    """,
}

SCENE_KILLS = {
    "between two steps": """
        from scorp_ns.trainer import ScorpTrainer
        iterate = ScorpTrainer.train_iteration
        def train_iteration(self, step):
            if step == 33: die()
            return iterate(self, step)
        ScorpTrainer.train_iteration = train_iteration
    """,
    "while a checkpoint is half written": """
        def save(state, file):
            if state["step"] == 40:
                file.write(b"half"); file.flush(); die()
            real_save(state, file)
        real_save, checkpoint.torch.save = checkpoint.torch.save, save
    """,
    "after a checkpoint, before the old one is gone": """
        from scorp_ns import trainer
        def remove(kept):
            if "40" in kept.name: die()
            real_remove(kept)
        real_remove, trainer.remove_other_checkpoints = trainer.remove_other_checkpoints, remove
    """,
}


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_object_masks(write_capture(tmp_path_factory.mktemp("resume") / "capture"))


@pytest.fixture(scope="module")
def uninterrupted(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    output = tmp_path_factory.mktemp("uninterrupted")
    code, printed = run_warm("ns-train", *train_arguments(capture, output, *OPTIONS))
    assert code == 0, printed
    return last_checkpoint(output)


@pytest.fixture(scope="module")
def uninterrupted_scene(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    output = tmp_path_factory.mktemp("uninterrupted")
    run_here("ns-train", *train_arguments(capture, output, *SCENE_OPTIONS))
    return last_checkpoint(output, SCENE_STAGES)


NIGHTLY = ("while objects are composed", "after objects were composed")
"""Kills whose runs take long: others of each kind are tested always."""


@pytest.mark.parametrize(
    "kill",
    [pytest.param(kill, id=name, marks=[pytest.mark.slow] if name in NIGHTLY else []) for name, kill in KILLS.items()],
)
def test_a_killed_run_resumes_to_the_same_result(
    kill: str, capture: Path, uninterrupted: dict[str, Any], tmp_path: Path
):
    folder = killed_run(kill, tmp_path / "killed", *train_arguments(capture, tmp_path / "killed", *OPTIONS))
    run_here("ns-train", *train_arguments(capture, tmp_path / "resumed", *OPTIONS, "--load-dir", folder))
    assert_identical(last_checkpoint(tmp_path / "resumed"), uninterrupted)


@pytest.mark.parametrize("kill", SCENE_KILLS.values(), ids=SCENE_KILLS.keys())
def test_a_killed_run_of_the_scene_resumes_to_the_same_result(
    kill: str, capture: Path, uninterrupted_scene: dict[str, Any], tmp_path: Path
):
    folder = killed_run(kill, tmp_path / "killed", *train_arguments(capture, tmp_path / "killed", *SCENE_OPTIONS))
    run_here("ns-train", *train_arguments(capture, tmp_path / "resumed", *SCENE_OPTIONS, "--load-dir", folder))
    assert_identical(last_checkpoint(tmp_path / "resumed", SCENE_STAGES), uninterrupted_scene)


def test_the_runs_really_lift_objects_and_densify_after_that(uninterrupted: dict[str, Any]):
    state = uninterrupted["pipeline"]
    assert len(state["_model.scene_objects.labels"]) == len(state["_model.gauss_params.means"])
    assert set(state["_model.scene_objects.labels"].tolist()) == {0, 1, 2, 3}


def test_the_runs_really_make_proxies(uninterrupted: dict[str, Any]):
    assert set(uninterrupted["pipeline"]["_model.scene_proxies._extra_state"]["facts"]) == {*BALL_NAMES}


def test_the_runs_really_compose_and_colours_learn_after_that(uninterrupted: dict[str, Any]):
    state = uninterrupted["pipeline"]
    layers = state["_model.scene_composite.layers"]
    assert len(layers) == len(state["_model.gauss_params.means"]) and set(layers.tolist()) == {0, 1, 2}
    at_composing, at_the_end = state["_model.scene_composite.features_dc"], state["_model.gauss_params.features_dc"]
    assert not torch.equal(at_composing, at_the_end)


def test_the_runs_really_densify(uninterrupted: dict[str, Any], capture: Path):
    from scorp_ns.formats.point_ply import read_points

    num_seeds = len(read_points(capture / "sparse_points.ply").xyz)
    assert len(uninterrupted["pipeline"]["_model.gauss_params.means"]) != num_seeds


def test_a_complete_run_is_left_as_it_is(capture: Path, uninterrupted: dict[str, Any], tmp_path: Path):
    path = tmp_path / "nerfstudio_models" / f"step-{NUM_ITERATIONS - 1:09d}.ckpt"
    path.parent.mkdir()
    torch.save(uninterrupted, path)
    before = path.read_bytes()
    code, output = run_warm("ns-train", *train_arguments(capture, tmp_path, *OPTIONS, "--load-dir", path.parent))
    assert code == 0, output
    assert "This run is complete" in output
    assert path.read_bytes() == before


@pytest.mark.gpu
def test_a_run_on_cuda_resumes_and_densifies_on(capture: Path, tmp_path: Path):
    """Atomics add in any order, so the results are alike, not identical."""
    options = ("--pipeline.model.schedule.densify-until", "1.0")
    run_here("ns-train", *train_arguments(capture, tmp_path / "one", *options, "--max-num-iterations", "300"))
    first = run_folder(tmp_path / "one")
    longer = ("--max-num-iterations", "600", "--load-dir", first)
    run_here("ns-train", *train_arguments(capture, tmp_path / "two", *options, *longer))
    (checkpoint,) = (run_folder(tmp_path / "two") / "nerfstudio_models").iterdir()
    state = torch.load(checkpoint, weights_only=True)
    assert state["step"] == 599
    assert all(torch.isfinite(value).all() for value in state["pipeline"].values())
