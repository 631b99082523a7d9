"""Stages of other packages come where they belong, and cost no more than their own work whatever they do."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from stage_plugins import EXAMPLE, HELD, HOSTILE, TOLD, CountFacts, CountingStage, StageOf, install, moves

from scorp_ns.errors import ScorpError
from scorp_ns.plugins.registry import load_plugin
from scorp_ns.run import api
from scorp_ns.run.api import DONE, FAILED, SKIPPED, StageFacts, check_stage, example_run
from scorp_ns.run.guarded_stage import GuardedStage
from scorp_ns.run.plugin_stages import stages_with
from scorp_ns.run.run import Run
from scorp_ns.run.stage import STAGES

OWN = tuple(stage.name for stage in STAGES)


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch)


def guarded(config: StageOf) -> GuardedStage:
    behind = OWN[: OWN.index(config.after) + 1]
    return GuardedStage(config.build(), STAGES[len(behind) - 1], behind)


def worked(stage: GuardedStage) -> list[str]:
    """The objects that the stage was given, each time."""
    assert isinstance(stage.stage, CountingStage)
    return stage.stage.worked


def count(facts: StageFacts) -> int | None:
    assert isinstance(facts, CountFacts)
    return facts.count


def everything(run: Run) -> dict[str, Any]:
    """All tensors and facts of the scene, and the optimizers' places for them."""
    assert run.training is not None
    moments = {f"{name}.rows": one.param_groups[0]["params"][0] for name, one in run.training.optimizers.items()}
    return {**run.model.state_dict(), **moments, "is_training": run.model.training}


def is_same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(is_same, one, other))
    return one == other


def copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: copied(one) for key, one in value.items()}
    return type(value)(map(copied, value)) if isinstance(value, (list, tuple)) else value


def test_no_names_mean_the_stages_of_every_run():
    assert stages_with((), {}) == STAGES


def test_stages_come_behind_those_that_they_follow_in_the_order_of_their_names():
    names = [stage.name for stage in stages_with(("settle", "chained", "second", "first"), {})]
    assert names == ["masks", "lift", "second", "first", "chained", "propose", "place", "refine", "settle", *OWN[-2:]]


def test_a_stage_starts_when_the_one_before_is_done():
    run = example_run()
    schedule = run.in_training.schedule
    stages = {stage.name: stage for stage in stages_with(("settle", "first", "chained"), {})}
    assert stages["first"].start(schedule) == stages["chained"].start(schedule) == schedule.lift_start
    assert stages["settle"].start(schedule) == schedule.refinement.stop - 1


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        (("polish",), {}, "No plugin 'polish'"),
        (("first", "first"), {}, "twice"),
        (("no_stage",), {}, "gave a int"),
        (("broken",), {}, "ZeroDivisionError"),
        (("renamed",), {}, "calls itself 'other'"),
        (("lift",), {}, "nothing else in a report has"),
        (("report",), {}, "nothing else in a report has"),
        (("lost",), {}, "follows 'polish'.*can follow 'lift'"),
        (("chained",), {}, "follows 'first'"),
        (("early",), {}, "follows 'masks'"),
        (("settle",), {"first.times": "2"}, "has 'first.times'.*'settle'"),
        (("settle",), {"most": "2"}, "<stage>.<setting>"),
        (("settle",), {"settle.least": "2"}, "not settings of the stage 'settle'"),
        (("settle",), {"settle.most": "2"}, "settle.most is 2"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, (tuple, dict)) else "",
)
def test_what_cannot_be_is_told(names: tuple[str, ...], options: dict[str, str], words: str):
    with pytest.raises(ScorpError, match=words):
        stages_with(names, options)


def test_options_reach_the_stage():
    stages = {stage.name: stage for stage in stages_with(("settle",), {"settle.most": "0.01"})}
    run = example_run()
    stages["settle"].work(run)
    assert stages["settle"].facts(run, "ball").state == SKIPPED


def test_the_tests_of_the_example_pass():
    tests = runpy.run_path(str(EXAMPLE / "tests" / "test_settle.py"))
    names = [name for name in tests if name.startswith("test_")]
    assert len(names) == 3
    for name in names:
        tests[name]()


def test_the_page_on_stages_is_true(monkeypatch: pytest.MonkeyPatch):
    page = (EXAMPLE.parents[1] / "docs" / "stages.md").read_text()
    assert tuple(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == OWN[1:]
    module = ModuleType("weigh")
    monkeypatch.setitem(sys.modules, "weigh", module)
    for program in re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        exec(program, vars(module))
    vars(module)["test_weighing_holds_to_the_contract"]()


def test_the_example_imports_the_public_surface_only():
    assert set(api.__all__) == {name for name in vars(api) if not name.startswith("__")}
    for path in EXAMPLE.rglob("*.py"):
        modules = {line.split()[1] for line in path.read_text().splitlines() if line.startswith("from scorp_ns")}
        assert modules <= {"scorp_ns.api", "scorp_ns.run.api"}


@pytest.mark.parametrize("name", TOLD)
def test_a_stage_that_fails_leaves_the_scene_as_it_was(name: str):
    run, stage = example_run(), guarded(HOSTILE[name])
    before = copied(everything(run))
    stage.work(run)
    facts = stage.facts(run, "ball")
    assert facts.state == FAILED and TOLD[name] in (facts.reason or "")
    assert is_same(before, everything(run))
    stage.work(run)
    assert worked(stage) == ["ball"], "It was asked again for what it failed at."


def test_an_interruption_passes_and_leaves_the_scene_as_it_was():
    def interrupted(run: Run, name: str) -> None:
        moves(run, name)
        raise KeyboardInterrupt

    run, stage = example_run(), guarded(StageOf("interrupted", interrupted))
    before = copied(everything(run))
    with pytest.raises(KeyboardInterrupt):
        stage.work(run)
    assert is_same(before, everything(run))


def test_tensors_that_a_stage_holds_are_not_those_of_the_scene():
    run, stage = example_run(), guarded(HOSTILE["holds"])
    HELD.clear()
    stage.work(run)
    after = copied(everything(run))
    assert HELD
    stage.finish(run)
    assert stage.fault is None and is_same(after, everything(run))


@pytest.mark.parametrize("name", ["unkept", "unasked", "unfinished"])
def test_a_stage_that_cannot_be_asked_is_left_out_with_one_warning(name: str):
    run, stage = example_run(), guarded(HOSTILE[name])
    for _ in range(2):
        stage.work(run)
        assert stage.state(run)["own"] is None
        stage.finish(run)
    (warning,) = run.warnings
    assert f"'{name}'" in warning and "is left out" in warning
    assert stage.facts(run, "ball").state == (SKIPPED if name == "unasked" else DONE)


def test_errors_of_a_check_are_for_people():
    def check(what: str, run: Run) -> None:
        if what == "check":
            raise ValueError("no weights")

    with pytest.raises(ScorpError, match=r"'unready' failed in check\(\) \(ValueError: no weights\)"):
        guarded(StageOf("unready", also=check)).check(example_run())


def test_an_object_comes_again_when_its_proxy_stands_elsewhere_and_not_after_a_checkpoint():
    run, stage = example_run(), guarded(StageOf("counts"))
    for _ in range(2):
        stage.work(run)
    assert worked(stage) == ["ball"]
    resumed = guarded(StageOf("counts"))
    resumed.load_state(run, stage.state(run))
    resumed.work(run)
    assert worked(resumed) == [] and count(resumed.facts(run, "ball")) == 1
    moves(run, "ball")
    assert stage.facts(run, "ball").state == SKIPPED
    resumed.work(run)
    assert worked(resumed) == ["ball"]
    lifted = guarded(StageOf("lifted", after="lift"))
    lifted.work(run)
    moves(run, "ball")
    lifted.work(run)
    assert worked(lifted) == ["ball"], "Where a proxy stands is nothing to a stage before placing."


def test_rejected_objects_are_left_alone():
    run, stage = example_run(), guarded(StageOf("counts"))
    run.model.scene_proxies.reject("ball")
    stage.work(run)
    assert worked(stage) == []


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (StageOf("forgets", also=lambda what, run: {"stage": object()} if what == "state" else None), "state"),
        (HOSTILE["raises"], "RuntimeError was raised"),
        (HOSTILE["poisons"], "not finite"),
        (HOSTILE["nonsense"], "gave a dict"),
        (StageOf("loose", also=lambda what, run: ["cup"] if what == "waiting" else None), "does not have"),
        (StageOf("scene"), "This is no stage"),
    ],
    ids=lambda value: value.name if isinstance(value, StageOf) else "",
)
def test_the_contract_tells_what_a_run_cannot_rely_on(config: StageOf, words: str):
    with pytest.raises(AssertionError, match=words):
        check_stage(config)


def test_a_stage_that_holds_to_the_contract_tells_its_facts():
    assert count(check_stage(StageOf("counts"))["ball"]) == 1
    assert check_stage(HOSTILE["refuses"])["ball"].state == FAILED
    assert check_stage(load_plugin("scorp.stages", "settle"))["ball"].state == SKIPPED
