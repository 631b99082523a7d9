"""What is done to the objects of a complete run is kept, or the run fails; nobody comes between when it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any, cast

import pytest
from full_disks import files_no_larger_than
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackLocation

from scorp_ns.errors import CheckpointError
from scorp_ns.run.callbacks import ObjectCourse
from scorp_ns.run.requests import Corrections, Reject
from scorp_ns.trainer import ScorpTrainer

LAST_STEP = 79


class Run:
    """A complete run whose stages only say that they were called, and whether the viewer had to wait meanwhile."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        trainer = self.trainer = object.__new__(ScorpTrainer)
        trainer.train_lock, trainer._start_step, trainer.device = Lock(), LAST_STEP + 1, "cpu"
        trainer.step, trainer.training_state = LAST_STEP, "completed"
        trainer.base_dir, trainer.checkpoint_dir = folder, folder / "nerfstudio_models"
        trainer.config = cast("Any", SimpleNamespace(save_only_latest_checkpoint=True))
        outputs = SimpleNamespace(save_dataparser_transform=lambda path: path.write_text("{}"))
        self.model = SimpleNamespace(corrections=Corrections())
        datamanager = SimpleNamespace(train_dataparser_outputs=outputs)
        trainer.pipeline = cast("Any", SimpleNamespace(model=self.model, datamanager=datamanager))
        monkeypatch.setattr(trainer, "_state", self._state)
        location = [TrainingCallbackLocation.AFTER_TRAIN]
        self.course = self._course()
        trainer.callbacks = [TrainingCallback(location, self.course.after_training)]

    def _state(self, step: int) -> dict[str, Any]:
        self._note("save")()
        return {"step": step}

    def _course(self) -> ObjectCourse:
        course = object.__new__(ObjectCourse)
        course.model, course.lock = cast("Any", self.model), self.trainer.train_lock
        course.save_checkpoint = self.trainer.save_checkpoint
        course.schedule = cast("Any", SimpleNamespace(composes=lambda step: True))
        course.after_iteration = lambda step: self._note("wishes")()
        for name in ("objects", "proxies", "places", "composing", "report"):
            done = {what: self._note(what) for what in ("propose", "place")}
            flow = SimpleNamespace(wanted_again=set(), finish=self._note(f"finish {name}"), **done)
            setattr(course, name, flow)
        return course

    def _note(self, what: str) -> Callable[[], None]:
        def note() -> None:
            assert self.trainer.train_lock.locked(), f"{what} while people may change objects in the viewer"
            self.calls.append(what)

        return note

    @property
    def has_checkpoint(self) -> bool:
        return (self.trainer.checkpoint_dir / f"step-{LAST_STEP:09d}.ckpt").is_file()


FILES = ["finish objects", "finish proxies", "finish composing", "finish report"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(tmp_path, monkeypatch)


def test_wishes_of_the_last_moment_are_kept(run: Run):
    run.model.corrections.ask(Reject("mug"))
    run.course.after_training(LAST_STEP)
    assert run.calls == ["wishes", "save", *FILES] and run.has_checkpoint


def test_what_nothing_was_done_to_is_not_stored_again(run: Run):
    run.course.after_training(LAST_STEP)
    assert run.calls == FILES and not run.has_checkpoint


def test_proxies_that_are_made_anew_are_kept_in_a_folder_that_is_whole(run: Run, tmp_path: Path):
    run.course.proxies.wanted_again = {"all"}
    run.trainer._work_on_objects()
    assert run.calls == ["propose", "place", "save", *FILES] and run.has_checkpoint
    assert (tmp_path / "dataparser_transforms.json").is_file()


def test_proxies_that_cannot_be_kept_make_the_run_fail_after_their_files_are_written(run: Run):
    run.course.proxies.wanted_again = {"all"}
    run.trainer.training_state = "training"
    with files_no_larger_than(10), pytest.raises(CheckpointError, match="Free some space"):
        run.trainer._work_on_objects()
    assert run.calls[-4:] == FILES and not run.has_checkpoint


def test_a_viewer_is_told_that_corrections_could_not_be_kept_and_stays(run: Run):
    told: list[str] = []
    run.model.corrections.listeners.append(told.append)
    run.model.corrections.ask(Reject("mug"))
    with files_no_larger_than(10):
        run.trainer._correct_complete_run()
    assert len(told) == 1 and "Free some space" in told[0]
    assert run.calls == ["wishes", "save", *FILES]
