"""The guard around a stage of another package, which may fail in any way and costs no more than its own work."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from nerfstudio.utils.rich_utils import CONSOLE
from torch import enable_grad

from scorp_ns.errors import ScorpError
from scorp_ns.report.kit.facts import checked, plain_json
from scorp_ns.report.of_run.facts import FAILED, SKIPPED, StageFacts
from scorp_ns.run.object_facts import reason_for_nothing, seconds_of
from scorp_ns.run.object_stage import ObjectStage
from scorp_ns.run.placing import PlaceStage
from scorp_ns.run.plugin_checks import checked_facts, checked_state, checked_step
from scorp_ns.run.plugin_stage import PluginStage
from scorp_ns.run.proposing import ProposeStage
from scorp_ns.run.run import Run
from scorp_ns.run.snapshot import Snapshot
from scorp_ns.run.stage import Stage
from scorp_ns.schedule import Schedule

T = TypeVar("T")


@dataclass(frozen=True)
class Worked:
    """The last work on an object."""

    on: list[float]
    """The object it left, in numbers: with others it is to be worked on again."""
    facts: StageFacts


class GuardedStage(ObjectStage):
    """A plug-in's stage as all others: it works on objects one by one, and knows what became of each."""

    def __init__(self, stage: PluginStage, followed: Stage, behind: Collection[str]) -> None:
        self.stage, self.followed, self.behind = stage, followed, behind
        self.name, self.text, self.result = stage.text.name, stage.text, stage.text.title
        self.worked: dict[str, Worked] = {}
        self.fault: str | None = None
        """The reason why the stage is not asked any more."""

    def start(self, schedule: Schedule) -> int | None:
        """The iteration that the stage says; that at whose end the one before is done, if it says nothing."""
        return self._asked("start", lambda: checked_step(self.stage.start(schedule, self.followed.end(schedule))), None)

    def is_due(self, run: Run, step: int) -> bool:
        """Whether the stage has started, and is still asked."""
        is_due = super().is_due(run, step)
        self._tell(run)
        return is_due and self.fault is None

    def check(self, run: Run) -> None:
        """Let the stage look up all that was chosen for it; all its errors become ScorpErrors."""
        try:
            self.stage.check(run)
        except ScorpError:
            raise
        except (Exception, SystemExit) as error:  # Code of other packages may raise anything.
            raise ScorpError(
                f"The stage '{self.name}' failed in check() ({_in_words(error)}).",
                "What was chosen for a stage is looked up before training.",
                "Leave it out of --pipeline.stages, or ask its author to mend it.",
            ) from error

    def work(self, run: Run) -> None:
        """Let the stage work on each object that it names and has not worked on as it is now."""
        known, rejected = run.model.scene_objects.names, run.model.scene_proxies.rejected
        named = self._asked("waiting", lambda: [one for one in self.stage.waiting(run) if one in known], [])
        self._tell(run)
        for name in dict.fromkeys(one for one in named if one not in rejected):
            on = self._numbers(run, name)
            if on is not None and (name not in self.worked or self.worked[name].on != on):
                with run.clock.stage(self.name):
                    self._work_on(run, name)
                if name in run.model.scene_composite.names and self._numbers(run, name) != on:
                    run.in_training.recompose.add(name)

    def _work_on(self, run: Run, name: str) -> None:
        """Work on one object; a failure is remembered, and leaves the scene as it was."""
        before = Snapshot(run)
        try:
            with run.work_on(name, self.name.capitalize()) as work, enable_grad():
                facts = checked_facts(self.stage.work_on(run, name, work), self.stage.text)
            before.check()
            before.accept()
        except BaseException as error:  # Code of other packages may raise anything; a person may interrupt it.
            before.restore()
            if isinstance(error, KeyboardInterrupt):
                raise
            facts = self.stage.text.facts(state=FAILED, reason=_in_words(error))
            CONSOLE.print(f"{self.name}, '{name}': {facts.reason}", style="yellow", markup=False)
        self.worked[name] = Worked(self._numbers(run, name) or [], facts)

    def is_behind(self, run: Run) -> bool | None:
        """Whether objects were worked on; unknown where no checkpoint of the stage was read."""
        return True if self.worked else None

    def facts(self, run: Run, name: str) -> StageFacts:
        """The facts of the stage's work on the object as it is now."""
        worked = self.worked.get(name)
        if worked is None or worked.on != (self._numbers(run, name) or []):
            return self.stage.text.facts(state=SKIPPED, reason=self.fault or reason_for_nothing(run, name))
        return replace(worked.facts, seconds=seconds_of(run, self.name, name))

    def finish(self, run: Run) -> None:
        """Let the stage tell of its results."""
        self._asked("finish", lambda: self.stage.finish(run), None)
        self._tell(run)

    def state(self, run: Run) -> dict[str, Any]:
        """The stage's work, and the state that it keeps itself."""
        own = self._asked("state", lambda: checked_state(self.stage.state(run)), None)
        self._tell(run)
        worked = {name: {"on": one.on, "facts": plain_json(one.facts)} for name, one in self.worked.items()}
        return {"worked": worked, "own": own}

    def load_state(self, run: Run, state: dict[str, Any]) -> None:
        """Take back what `state` gave; facts of another version of the package are worked out again."""
        for name, one in state["worked"].items():
            try:
                self.worked[name] = Worked(one["on"], checked(one["facts"], self.stage.text.facts, self.name))
            except ScorpError:
                run.warn(f"The stage '{self.name}' works on '{name}' again: its package has other facts now.")
        if state["own"] is not None:
            self._asked("load_state", lambda: self.stage.load_state(run, state["own"]), None)
        self._tell(run)

    def _numbers(self, run: Run, name: str) -> list[float] | None:
        """The object that the stage finds; None for one that is gone."""
        found, proxies = run.own_objects({name}), run.model.scene_proxies
        if not found:
            return None
        numbers = found[0].frame.center.tolist()
        if name in proxies.names and ProposeStage.name in self.behind:
            numbers.append(proxies.record(name).seconds)
            pose = proxies.pose(name)
            if pose is not None and PlaceStage.name in self.behind:
                numbers += pose.matrix.flatten().tolist()
        return numbers

    def _asked(self, what: str, call: Callable[[], T], otherwise: T) -> T:
        """The stage's answer; once it fails to give one, it is not asked any more."""
        if self.fault is not None:
            return otherwise
        try:
            return call()
        except (Exception, SystemExit) as error:  # Code of other packages may raise anything.
            self.fault = f"The stage '{self.name}' failed in {what}() and is left out. {_in_words(error)}"
            return otherwise

    def _tell(self, run: Run) -> None:
        if self.fault is not None and self.fault not in run.warnings:
            run.warn(self.fault)


def _in_words(error: BaseException) -> str:
    return str(error) if isinstance(error, ScorpError) else f"{type(error).__name__}: {error}".removesuffix(": ")
