"""What is done to the objects of a complete run is kept, or the run fails; nobody comes between when it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any, cast

import pytest
from composed_models import lifted_model
from full_disks import files_no_larger_than
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackLocation
from small_runs import small_data, small_training

from scorp_ns.errors import CheckpointError
from scorp_ns.run.object_stage import ObjectStage
from scorp_ns.run.requests import Reject
from scorp_ns.run.run import Run
from scorp_ns.run.stage_runner import StageRunner
from scorp_ns.schedule import ScheduleConfig
from scorp_ns.trainer import ScorpTrainer

LAST_STEP = 79


class NotingStage(ObjectStage):
    """Says when it works and ends, and whether the viewer had to wait meanwhile."""

    def __init__(self, name: str, note: Callable[[str], None], moment: str | None) -> None:
        self.name, self._note, self.moment = name, note, moment

    def work(self, run: Run) -> None:
        """Work, and forget what was asked for."""
        self._note(self.name)
        if self.name == "propose":
            run.in_training.regenerate = set()

    def finish(self, run: Run) -> None:
        """End."""
        self._note(f"finish {self.name}")


class CompleteRun:
    """A complete run whose stages only say that they were called."""

    def __init__(self, folder: Path) -> None:
        self.calls: list[str] = []
        trainer = self.trainer = object.__new__(RecordingTrainer)
        trainer.note, trainer.train_lock, trainer._start_step, trainer.device = self._note, Lock(), LAST_STEP + 1, "cpu"
        trainer.step, trainer.training_state = LAST_STEP, "completed"
        trainer.base_dir, trainer.checkpoint_dir = folder, folder / "nerfstudio_models"
        trainer.config = cast("Any", SimpleNamespace(save_only_latest_checkpoint=True))
        outputs = SimpleNamespace(save_dataparser_transform=lambda path: path.write_text("{}"))
        # Proxies are never made by this schedule, and composing has come.
        schedule = ScheduleConfig(lift_at=0, propose_at=0, place_at=0, compose_at=0)
        self.run = small_training(
            lifted_model(),
            folder,
            small_data(train_dataparser_outputs=outputs),
            schedule,
            LAST_STEP + 1,
            trainer.save_checkpoint,
            lock=trainer.train_lock,
        )
        moments = {"lift": "lift", "propose": None, "place": None, "compose": "compose"}
        stages = [NotingStage(name, self._note, moment) for name, moment in moments.items()]
        self.runner = StageRunner(self.run, stages)
        self.runner.report.write = lambda: self._note("finish report")
        trainer.pipeline = cast("Any", SimpleNamespace(run=self.run, model=self.run.model, datamanager=self.run.data))
        trainer.callbacks = [TrainingCallback([TrainingCallbackLocation.AFTER_TRAIN], self.runner.after_training)]

    def _note(self, what: str) -> None:
        assert self.trainer.train_lock.locked(), f"{what} while people may change objects in the viewer"
        self.calls.append(what)

    @property
    def has_checkpoint(self) -> bool:
        return (self.trainer.checkpoint_dir / f"step-{LAST_STEP:09d}.ckpt").is_file()


class RecordingTrainer(ScorpTrainer):
    """A trainer whose checkpoints hold nothing but their step."""

    note: Callable[[str], None]

    def state(self, step: int) -> dict[str, Any]:
        """What is written."""
        self.note("save")
        return {"step": step}


FILES = [f"finish {name}" for name in ("lift", "propose", "place", "compose", "report")]


@pytest.fixture
def run(tmp_path: Path) -> CompleteRun:
    return CompleteRun(tmp_path)


def test_requests_of_the_last_moment_are_kept(run: CompleteRun):
    run.run.requests.ask(Reject("mug"))
    run.runner.after_training(LAST_STEP)
    assert run.calls == ["lift", "compose", "save", *FILES] and run.has_checkpoint
    assert run.run.model.scene_proxies.rejected == {"mug"}


def test_what_nothing_was_done_to_is_not_stored_again(run: CompleteRun):
    run.runner.after_training(LAST_STEP)
    assert run.calls == FILES and not run.has_checkpoint


def test_proxies_that_are_made_anew_are_kept_in_a_folder_that_is_whole(run: CompleteRun, tmp_path: Path):
    run.run.in_training.regenerate = {"all"}
    run.trainer.work_on_objects()
    assert run.calls == ["lift", "propose", "place", "compose", "save", *FILES] and run.has_checkpoint
    assert (tmp_path / "dataparser_transforms.json").is_file()


def test_proxies_that_cannot_be_kept_make_the_run_fail_after_their_files_are_written(run: CompleteRun):
    run.run.in_training.regenerate = {"all"}
    with files_no_larger_than(10), pytest.raises(CheckpointError, match="Free some space"):
        run.trainer.work_on_objects()
    assert run.calls[-5:] == FILES and not run.has_checkpoint


def test_a_viewer_is_told_that_corrections_could_not_be_kept_and_stays(run: CompleteRun):
    told: list[str] = []
    run.run.requests.listeners.append(told.append)
    run.run.requests.ask(Reject("mug"))
    with files_no_larger_than(10):
        run.trainer.correct_complete_run()
    assert len(told) == 2 and "keeps what was lifted" in told[0] and "Free some space" in told[1]
    assert run.calls == ["lift", "compose", "save", *FILES]
