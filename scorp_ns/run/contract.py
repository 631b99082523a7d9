"""The contract of stages, as a function that packages with one can call in their tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import is_dataclass
from io import BytesIO

import torch

from scorp_ns.errors import ScorpError, only_scorp_errors
from scorp_ns.report.of_run.facts import FAILED, StageFacts
from scorp_ns.run.example_run import example_run
from scorp_ns.run.guarded_stage import GuardedStage
from scorp_ns.run.placing import PlaceStage
from scorp_ns.run.plugin_checks import checked_facts, fault_of
from scorp_ns.run.plugin_stage import PluginStage, StageConfig
from scorp_ns.run.run import Run
from scorp_ns.run.snapshot import Snapshot
from scorp_ns.run.stage import STAGES


def check_stage(config: StageConfig, new_run: Callable[[], Run] = example_run) -> dict[str, StageFacts]:
    """The facts of each object of a run; an AssertionError tells of anything a run cannot rely on.

    The stage works on two new runs. It may refuse objects with a ScorpError, which is among the facts.
    """
    assert isinstance(config, StageConfig) and is_dataclass(config), "The config is no dataclass with build()."
    run, stage = new_run(), _built(config)
    only_scorp_errors(lambda: stage.check(run))
    facts = {name: _worked_on(stage, run, name) for name in _waiting(stage, run)}
    run = new_run()
    guarded = _guarded(_built(config))
    guarded.start(run.in_training.schedule)
    guarded.work(run)
    again = {name: guarded.worked[name].facts for name in guarded.worked}
    assert {**again} == facts, (
        f"The second run came to other facts: {again} in place of {facts}; use run.in_training.seed."
    )
    guarded.finish(run)
    resumed = _guarded(_built(config))
    resumed.load_state(run, _through_a_file(guarded.state(run)))
    assert resumed.worked == guarded.worked, "The facts are others after a checkpoint."
    resumed.work(run)
    for one in (guarded, resumed):
        assert one.fault is None, one.fault
    assert resumed.worked == guarded.worked, "Work was done again after a checkpoint."
    return facts


def _built(config: StageConfig) -> PluginStage:
    stage = only_scorp_errors(config.build)
    fault = fault_of(getattr(getattr(stage, "text", None), "name", ""), stage)
    assert fault is None, f"This is no stage: {fault}."
    return stage


def _guarded(stage: PluginStage) -> GuardedStage:
    """The stage as runs have it; behind `place` if it follows another plug-in's."""
    names = [own.name for own in STAGES]
    place = names.index(stage.after if stage.after in names else PlaceStage.name)
    return GuardedStage(stage, STAGES[place], names[: place + 1])


def _waiting(stage: PluginStage, run: Run) -> list[str]:
    """The objects that wait, which asking does not change."""
    before = Snapshot(run)
    waiting = only_scorp_errors(lambda: stage.waiting(run))
    assert isinstance(waiting, Iterable) and not isinstance(waiting, str), "waiting() gave no names."
    named = list(waiting)
    strangers = [name for name in named if name not in run.model.scene_objects.names]
    assert not strangers, f"waiting() gave {strangers}, which the run does not have."
    assert before.is_current, "waiting() changed the scene; only work_on() may."
    return named


def _worked_on(stage: PluginStage, run: Run, name: str) -> StageFacts:
    """The checked facts of one object, or those of a refusal."""
    before = Snapshot(run)
    try:
        with run.clock.stage(stage.text.name), run.work_on(name, stage.text.name) as work:
            facts = only_scorp_errors(lambda: stage.work_on(run, name, work))
    except ScorpError as error:
        before.restore()
        return stage.text.facts(state=FAILED, reason=str(error))
    try:
        before.check()
        return checked_facts(facts, stage.text)
    except ScorpError as error:
        raise AssertionError(str(error)) from error


def _through_a_file(state: dict) -> dict:
    """The state as it comes back from a checkpoint."""
    file = BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)
