"""The stages that objects go through: the interface of a stage, and the one list from which all else derives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from scorp_ns.report.of_run.facts import StageFacts, StageText
from scorp_ns.run.composing import ComposeStage
from scorp_ns.run.lifting import LiftStage
from scorp_ns.run.masks import MaskStage
from scorp_ns.run.placing import PlaceStage
from scorp_ns.run.proposing import ProposeStage
from scorp_ns.run.refining import RefineStage
from scorp_ns.run.run import Run
from scorp_ns.run.tuning import TuneStage
from scorp_ns.schedule import Schedule


class Stage(Protocol):
    """A step of a run that works on objects. It keeps nothing itself: its results belong to the model or the run."""

    @property
    def name(self) -> str:
        """The key of the stage in reports, clocks and checkpoints."""
        ...

    @property
    def text(self) -> StageText | None:
        """The stage as reports tell of it; None for one that they do not mention."""
        ...

    @property
    def result(self) -> str | None:
        """The stage's line in the viewer, such as `proxies placed`; None for none."""
        ...

    @property
    def moment(self) -> str | None:
        """The field of the schedule, without its `_at`, that says when the stage starts; None for one without."""
        ...

    def start(self, schedule: Schedule) -> int | None:
        """The iteration after which the stage works, and after each that follows; None for never."""
        ...

    def end(self, schedule: Schedule) -> int | None:
        """The iteration after which its results are there for stages that follow; None for never."""
        ...

    def is_due(self, run: Run, step: int) -> bool:
        """Whether the stage works after this iteration."""
        ...

    def check(self, run: Run) -> None:
        """Look up all that was chosen for the stage before training; a ScorpError tells of a mistake."""
        ...

    def work(self, run: Run) -> None:
        """Do what waits for the stage, if anything does; failures are remembered for each object."""
        ...

    def is_behind(self, run: Run) -> bool | None:
        """Whether the stage is behind in a run that is only looked at; None where its checkpoint does not tell."""
        ...

    def facts(self, run: Run, name: str) -> StageFacts:
        """The report's facts of one object; asked only of stages with a text."""
        ...

    def finish(self, run: Run) -> None:
        """Tell people of the results at the end of the run, and write files where files are asked for."""
        ...

    def state(self, run: Run) -> dict[str, Any] | None:
        """The stage's own part of a checkpoint, in plain types and tensors; None for none."""
        ...

    def load_state(self, run: Run, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        ...


STAGES: tuple[Stage, ...] = (
    MaskStage(),
    LiftStage(),
    ProposeStage(),
    PlaceStage(),
    RefineStage(),
    TuneStage(),
    ComposeStage(),
)
"""The stages of every run, in the order in which objects go through them."""


def stage_texts(stages: Sequence[Stage] = STAGES) -> tuple[StageText, ...]:
    """The stages as reports tell of them."""
    return tuple(stage.text for stage in stages if stage.text is not None)


def moments(stages: Sequence[Stage] = STAGES) -> tuple[str, ...]:
    """The moments of the schedule at which stages start, in their order."""
    return tuple(stage.moment for stage in stages if stage.moment is not None)
