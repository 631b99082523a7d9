"""The common ground of stages: what most of them need not say themselves."""

from __future__ import annotations

from typing import Any

from scorp_ns.report.of_run.facts import SKIPPED, StageFacts, StageText
from scorp_ns.run.run import Run
from scorp_ns.schedule import Schedule


class ObjectStage:
    """A stage with no text, no moment of its own and nothing to do; subclasses say where they differ."""

    name: str
    text: StageText | None = None
    result: str | None = None
    moment: str | None = None

    def start(self, schedule: Schedule) -> int | None:
        """The iteration after which the stage works; from the schedule's property for its moment."""
        return None if self.moment is None else getattr(schedule, f"{self.moment}_start")

    def end(self, schedule: Schedule) -> int | None:
        """The iteration in which the stage starts: it is behind with its first work."""
        return self.start(schedule)

    def is_due(self, run: Run, step: int) -> bool:
        """Whether the stage has started."""
        start = self.start(run.in_training.schedule)
        return start is not None and step >= start

    def check(self, run: Run) -> None:
        """Nothing is chosen for the stage."""

    def work(self, run: Run) -> None:
        """Nothing waits for the stage."""

    def is_behind(self, run: Run) -> bool | None:
        """Unknown."""
        return None

    def facts(self, run: Run, name: str) -> StageFacts:
        """No facts."""
        return StageFacts(state=SKIPPED)

    def finish(self, run: Run) -> None:
        """Nothing is told or written."""

    def state(self, run: Run) -> dict[str, Any] | None:
        """Nothing is kept."""
        return None

    def load_state(self, run: Run, state: dict[str, Any]) -> None:
        """Nothing was kept."""
