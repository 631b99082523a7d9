"""The stages of a run in the panel: which are behind, which runs now, and which come when."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import TYPE_CHECKING

from scorp_ns.viewer.markdown import plain

if TYPE_CHECKING:
    from scorp_ns.model import ScorpModel
    from scorp_ns.schedule import Schedule
    from scorp_ns.trainer import ScorpTrainer

OBJECT_STAGES = {
    "lift": "objects lifted",
    "propose": "proxies made",
    "place": "proxies placed",
    "refine": "places refined",
    "tune": "colours tuned",
    "compose": "composed",
    "report": "report written",
}
"""What each stage brings to the objects, in their order, mostly by the name under which its time is counted.

Places are refined in iterations of the run, whose time counts for the scene.
"""

DONE, NOW, LATER = "✓", "▶", "·"


def finished_lines(model: ScorpModel) -> list[str]:
    """What a run that is only looked at has behind it, as far as its checkpoint tells."""
    proxies = model.scene_proxies
    done = {
        "lift": bool(model.scene_objects.is_lifted or model.scene_objects.names),
        "propose": proxies.is_proposed,
        "place": any(proxies.is_placed(name) for name in proxies.names),
        "tune": any(proxies.tuned(name) is not None for name in proxies.names),
        "compose": model.scene_composite.is_composed,
    }
    return [f"{DONE if has_come else LATER} {OBJECT_STAGES[stage]}" for stage, has_come in done.items()]


def running_lines(model: ScorpModel, trainer: ScorpTrainer) -> list[str]:
    """What a run that is going on has behind it, does now, and will do."""
    schedule, step = model.schedule, model.step
    if schedule is None:
        return ["The run is being prepared."]
    is_complete, running = trainer.training_state == "completed", trainer.clock.running
    is_over = step + 1 >= schedule.num_iterations
    mark = DONE if is_complete else NOW if running == "scene" else DONE if is_over else LATER
    lines = [f"{mark} scene: iteration {step + 1} of {schedule.num_iterations}{_paused(trainer)}"]
    moments, stages = _moments(schedule), list(OBJECT_STAGES)
    current = "refine" if running == "scene" and model.scene_refinement.is_open else running
    for stage, text in OBJECT_STAGES.items():
        moment = moments.get(stage)
        is_next = current in stages and stages.index(stage) > stages.index(current)
        if current == stage:
            lines.append(f"{NOW} **{text}: now**")
        elif stage == "report":
            lines.append(f"{DONE} {text}" if is_complete and not is_next else f"{LATER} {text}: at the end")
        elif moment is None:
            lines.append(f"{LATER} {text}: not in this run")
        elif step < moment:
            lines.append(f"{LATER} {text}: at iteration {moment + 1}")
        else:
            lines.append(f"{LATER} {text}: next" if is_next else f"{DONE} {text}")
    return lines


def _moments(schedule: Schedule) -> dict[str, int | None]:
    """The iteration at which each stage's time comes; None where it never does."""
    lift, propose, place, compose = (
        _moment(has_come, schedule.num_iterations)
        for has_come in (schedule.lifts, schedule.proposes, schedule.places, schedule.composes)
    )
    refine = place if place is not None and schedule.refines(place + 1) else None
    moments = (lift, propose, place, refine, compose, compose)
    return dict(zip(OBJECT_STAGES, moments, strict=False))


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
