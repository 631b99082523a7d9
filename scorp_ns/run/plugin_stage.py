"""A stage of another package: what its author writes, and what scorp does in its place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

from scorp_ns.generate.generator import Work
from scorp_ns.report.of_run.facts import StageFacts, StageText
from scorp_ns.run.run import Run
from scorp_ns.schedule import Schedule


class PluginStage:
    """Work on one object after the other, between two stages of a run.

    Times, progress, failures, reports and checkpoints are scorp's: an object whose work fails is left as it was before.
    """

    after: str
    """The name of the stage that this one follows."""
    text: StageText
    """Its name, its title in reports and in the viewer, and its own subclass of `StageFacts`."""

    def waiting(self, run: Run) -> Iterable[str]:
        """The names of the objects that can be worked on now.

        Each is worked on once, and again when it is another one: lifted anew, for stages after `propose` also with
        another proxy, for those after `place` also in another pose.
        """
        raise NotImplementedError

    def work_on(self, run: Run, name: str, work: Work) -> StageFacts:
        """Work on one object; the facts for its report. Whatever is raised costs the work on this object."""
        raise NotImplementedError

    def start(self, schedule: Schedule, followed: int | None) -> int | None:
        """The iteration after which the stage works, None for never; `followed` is where the stage before is done."""
        return followed

    def check(self, run: Run) -> None:
        """Before training: look up all that was chosen for the stage; a ScorpError tells of a mistake."""

    def finish(self, run: Run) -> None:
        """At the end of the run: print or write more than the report has."""

    def state(self, run: Run) -> dict[str, Any] | None:
        """The state that checkpoints keep besides the facts, in plain types and tensors; None for none."""
        return None

    def load_state(self, run: Run, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""


@runtime_checkable
class StageConfig(Protocol):
    """The settings of a stage: a dataclass that builds it, registered in the entry-point group `scorp.stages`."""

    def build(self) -> PluginStage:
        """The stage; a ScorpError if it cannot work with these settings."""
        ...
