"""The stages of a run in the panel: those that are behind, the one that runs now, and when the others come."""

from __future__ import annotations

from collections.abc import Sequence

from scorp_ns.run.run import Run
from scorp_ns.run.stage import Stage
from scorp_ns.viewer.markdown import plain

DONE, NOW, LATER = "✓", "▶", "·"

REPORT = "report written"


def finished_lines(run: Run, stages: Sequence[Stage]) -> list[str]:
    """The stages behind a run that is only looked at, as far as its checkpoint tells."""
    known = [(stage.result, stage.is_behind(run)) for stage in stages if stage.result is not None]
    return [f"{DONE if is_behind else LATER} {result}" for result, is_behind in known if is_behind is not None]


def running_lines(run: Run, stages: Sequence[Stage], training_state: str) -> list[str]:
    """All stages of a run that is going on."""
    if run.training is None:
        return ["The run is being prepared."]
    schedule, step, listed = run.training.schedule, run.model.step, [one for one in stages if one.result is not None]
    is_complete, running = training_state == "completed", run.clock.running
    is_over = step + 1 >= schedule.num_iterations
    mark = DONE if is_complete else NOW if running == "scene" else DONE if is_over else LATER
    paused = " (paused)" if training_state == "paused" else ""
    lines = [f"{mark} scene: iteration {step + 1} of {schedule.num_iterations}{paused}"]
    current = "refine" if running == "scene" and run.model.scene_refinement.is_open else running
    is_next = False
    for stage in listed:
        start = stage.start(schedule)
        if stage.name == current:
            lines.append(f"{NOW} **{stage.result}: now**")
            is_next = True
        elif start is None:
            lines.append(f"{LATER} {stage.result}: not in this run")
        elif step < start:
            lines.append(f"{LATER} {stage.result}: at iteration {start + 1}")
        else:
            lines.append(f"{LATER} {stage.result}: next" if is_next else f"{DONE} {stage.result}")
    if current == "report":
        return [*lines, f"{NOW} **{REPORT}: now**"]
    return [*lines, f"{DONE} {REPORT}" if is_complete and not is_next else f"{LATER} {REPORT}: at the end"]


def share_done(run: Run) -> float:
    """The share of iterations that are done, 0 to 1."""
    return 1.0 if run.training is None else min(1.0, (run.model.step + 1) / run.training.schedule.num_iterations)


def waiting_line(run: Run, is_paused: bool) -> str | None:
    """The requests that are not carried out yet."""
    if not (waiting := run.requests.waiting):
        return None
    requests = ", ".join(f"{type(request).__name__.lower()} '{request.name}'" for request in waiting)
    return f"Waiting for {'training to be resumed' if is_paused else 'a moment'}: {plain(requests)}"
