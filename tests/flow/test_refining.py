"""In the real `ns-train`, places of proxies learn for some iterations in which nothing else does."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast
from unittest import mock

import pytest
import torch
from captures import BALL_NAMES, write_ball_assets, write_capture, write_object_masks
from resuming import assert_identical, killed_run, last_checkpoint
from tools import COARSE_PROXIES, run_here, train_arguments
from warm_processes import run_warm

from scorp_ns.trainer import ScorpTrainer

FIRST, KILLED, LAST = 37, 47, 53
"""Iterations: the first and the last in which places learn, and one between in which a run is killed."""

ANY_PLACE = (
    *("--pipeline.model.place.least-explained", "0", "--pipeline.model.place.most-spill", "99"),
    *("--pipeline.model.place.most-distance", "99", "--pipeline.model.place.least-margin", "0"),
    *("--pipeline.model.place.most-cost", "99", "--pipeline.model.place.least-turn-margin", "0"),
    *("--pipeline.model.place.num-rotations", "100", "--pipeline.model.place.num-fitted", "20"),
)
"""Options that let every place be believed, soon: balls of so few pixels look alike from everywhere."""

KILL = f"""
    from scorp_ns.trainer import ScorpTrainer
    iterate = ScorpTrainer.train_iteration
    def train_iteration(self, step):
        if step == {KILLED}: die()
        return iterate(self, step)
    ScorpTrainer.train_iteration = train_iteration
"""


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """From a folder of output to the arguments of a run in it."""
    folder = tmp_path_factory.mktemp("refining")
    capture, assets = write_object_masks(write_capture(folder / "capture")), write_ball_assets(folder / "assets")
    options = (
        *("--max-num-iterations", "60", "--steps-per-save", "15", "--pipeline.model.schedule.lift-at", "0.6"),
        *("--pipeline.model.schedule.propose-at", "0.6", "--pipeline.model.schedule.place-at", "0.6"),
        *("--pipeline.model.schedule.refine-for", "0.3", "--pipeline.model.schedule.compose-at", "0.9"),
        *("--pipeline.model.generator.name", "asset", "--pipeline.model.generator.asset.folder", assets),
        *COARSE_PROXIES,
        *ANY_PLACE,
    )
    return lambda output, *more: train_arguments(capture, output, *options, *more)


def test_places_learn_alone_and_a_killed_run_resumes_to_the_same_result(arguments: Any, tmp_path: Path):
    code, printed = run_warm("ns-train", *arguments(tmp_path / "whole"))
    assert code == 0, printed
    for name in BALL_NAMES:
        assert f"The place of the proxy of '{name}'" in " ".join(printed.split())
    folder = killed_run(KILL, tmp_path / "killed", *arguments(tmp_path / "killed"))
    seen: dict[int, dict[str, torch.Tensor]] = {}
    iterate = ScorpTrainer.train_iteration

    def train_iteration(self: ScorpTrainer, step: int) -> Any:
        model: Any = self.pipeline.model
        state = {"changes": model.scene_refinement.changes} | dict(model.gauss_params.items())
        seen[step] = {name: value.detach().clone() for name, value in state.items()}
        if step == LAST:
            cameras: Any = cast(Any, self.pipeline.datamanager).train_cameras
            camera = cameras[:1].to(model.device)
            seen[-1] = {"shown": shown_depth(model, camera)}
            model.scene_refinement.changes.data[:, 3] += 1.0
            seen[-2] = {"shown": shown_depth(model, camera)}
            model.scene_refinement.changes.data[:, 3] -= 1.0
            model.scene_refinement.changes.data.copy_(seen[step]["changes"])
        return iterate(self, step)

    with mock.patch.object(ScorpTrainer, "train_iteration", train_iteration):
        run_here("ns-train", *arguments(tmp_path / "resumed", "--load-dir", folder))
    assert_identical(last_checkpoint(tmp_path / "resumed"), last_checkpoint(tmp_path / "whole"))
    changes, first = seen[LAST].pop("changes"), min(step for step in seen if step > 0)
    assert first < LAST and changes.shape == (len(BALL_NAMES), 7)
    assert not torch.equal(changes, seen[first].pop("changes"))
    assert_identical(seen[first], seen[LAST])
    assert not torch.equal(seen[-1]["shown"], seen[-2]["shown"]), "The viewer does not show how proxies move."
    assert len(seen[LAST + 1]["changes"]) == 0


def shown_depth(model: Any, camera: Any) -> torch.Tensor:
    """What the viewer would show."""
    model.eval()
    with torch.no_grad():
        depth = model.get_outputs_for_camera(camera)["depth"]
    model.train()
    return depth
