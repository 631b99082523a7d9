"""The stages of a run in the panel: which are behind, which runs now, and which come when."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import TYPE_CHECKING

from scorp_ns.viewer.markdown import plain

if TYPE_CHECKING:
    from scorp_ns.model import ScorpModel
    from scorp_ns.trainer import ScorpTrainer

OBJECT_STAGES = {"lift": "objects lifted", "propose": "proxies made", "place": "proxies placed", "compose": "composed"}
"""What each stage of the objects brings, by the name under which its time is counted."""

DONE, NOW, LATER = "✓", "▶", "·"


def finished_lines(model: ScorpModel) -> list[str]:
    """What a run that is only looked at has behind it."""
    proxies = model.scene_proxies
    done = {
        "lift": bool(model.scene_objects.is_lifted or model.scene_objects.names),
        "propose": proxies.is_proposed,
        "place": any(proxies.is_placed(name) for name in proxies.names),
        "compose": model.scene_composite.is_composed,
    }
    return [f"{DONE if done[stage] else LATER} {text}" for stage, text in OBJECT_STAGES.items()]


def running_lines(model: ScorpModel, trainer: ScorpTrainer) -> list[str]:
    """What a run that is going on has behind it, does now, and will do."""
    schedule, step = model.schedule, model.step
    if schedule is None:
        return ["The run is being prepared."]
    come = {
        "lift": schedule.lifts,
        "propose": schedule.proposes,
        "place": schedule.places,
        "compose": schedule.composes,
    }
    moments = {stage: _moment(has_come, schedule.num_iterations) for stage, has_come in come.items()}
    running = trainer.clock.running
    is_complete = trainer.training_state == "completed"
    mark = DONE if is_complete else NOW if running == "scene" else LATER
    lines = [f"{mark} scene: iteration {step + 1} of {schedule.num_iterations}{_paused(trainer)}"]
    for stage, text in OBJECT_STAGES.items():
        moment = moments[stage]
        if running == stage:
            lines.append(f"{NOW} **{text}: now**")
        elif moment is None:
            lines.append(f"{LATER} {text}: not in this run")
        else:
            lines.append(f"{DONE} {text}" if come[stage](step) else f"{LATER} {text}: at iteration {moment + 1}")
    return lines


def share_done(model: ScorpModel) -> float:
    """How much of the iterations is done, 0 to 1."""
    return 1.0 if model.schedule is None else min(1.0, (model.step + 1) / model.schedule.num_iterations)


def waiting_line(model: ScorpModel, trainer: ScorpTrainer | None) -> str | None:
    """What was asked for and is not carried out yet."""
    waiting = model.corrections.waiting
    if not waiting:
        return None
    wishes = ", ".join(f"{type(wish).__name__.lower()} '{wish.name}'" for wish in waiting)
    is_paused = trainer is not None and trainer.training_state == "paused"
    return f"Waiting for {'training to be resumed' if is_paused else 'a moment'}: {plain(wishes)}"


def _moment(has_come: Callable[[int], bool], num_iterations: int) -> int | None:
    """The first iteration at which a stage's time has come, found by halving; None if it never comes."""
    if not has_come(num_iterations - 1):
        return None
    return bisect_left(range(num_iterations), True, key=has_come)


def _paused(trainer: ScorpTrainer) -> str:
    return " (paused)" if trainer.training_state == "paused" else ""
