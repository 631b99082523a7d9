"""Runs without nerfstudio's trainer and data manager, for tests of what happens between iterations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import RLock
from types import SimpleNamespace
from typing import Any, cast

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.products import CapturedView
from scorp_ns.run.run import FOLDER, Run, Training
from scorp_ns.schedule import Schedule, ScheduleConfig


def small_data(
    views: Sequence[CapturedView] = (), capture_to_world: Similarity | None = None, **attributes: Any
) -> SimpleNamespace:
    """A capture without files: these views, and no masks unless the attributes bring some."""
    masks = {"object_masks": None, "mask_check": None, "given_masks": None}
    return SimpleNamespace(
        capture_to_world=capture_to_world or Similarity.identity(),
        captured_views=lambda correction, device: list(views),
        **masks | attributes,
    )


def small_run(model: Any, folder: Path, data: Any = None) -> Run:
    """A run that is only looked at."""
    run = Run(model, cast("Any", data or small_data()))
    run.folder = folder / FOLDER
    return run


def small_training(
    model: Any,
    folder: Path,
    data: Any = None,
    schedule: ScheduleConfig | None = None,
    num_iterations: int = 100,
    save_checkpoint: Callable[[int], None] = lambda step: None,
    **options: Any,
) -> Run:
    """A run in training, whose optimizers are the model's."""
    run = small_run(model, folder, data)
    given: dict[str, Any] = {"save_objects": False, "regenerate": set(), "recompose": set(), "lock": RLock()}
    run.training = Training(
        schedule=Schedule(schedule or ScheduleConfig(), num_iterations),
        seed=0,
        experiment="",
        method="scorp-quick",
        folder=folder / "outputs" / "capture" / "run",
        optimizers=getattr(model, "optimizers", {}),
        save_checkpoint=save_checkpoint,
        **given | options,
    )
    return run
