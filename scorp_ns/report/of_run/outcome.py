"""What became of an object, in a sentence and in a tone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scorp_ns.report.kit.tables import shown
from scorp_ns.report.of_run.facts import DONE, FAILED, SKIPPED, ComposeFacts, ObjectEntry, StageFacts, StageText


def outcome_of(facts: Mapping[str, StageFacts], stages: Sequence[StageText]) -> str:
    """What became of the object with these facts, by the names of their stages."""
    composed, lifted = facts.get("compose"), facts.get("lift")
    if isinstance(composed, ComposeFacts) and composed.state == DONE:
        kept, filled = (shown(number, 0) for number in (composed.kept, composed.filled))
        return f"{kept} of its own Gaussians stay, and {filled} come from its proxy."
    for stage in stages:
        if facts[stage.name].state == FAILED:
            return stage.on_failure
    if lifted is not None and lifted.state == DONE:
        return "It stays as it was lifted."
    return "It was not lifted in this run."


def is_composed(entry: ObjectEntry, stages: Sequence[StageText]) -> bool:
    """Whether the object was put together with its proxy."""
    return any(isinstance(facts := entry.of(stage), ComposeFacts) and facts.state == DONE for stage in stages)


def tone_of(entry: ObjectEntry, stages: Sequence[StageText]) -> str:
    """The page's tone for an object: `better` if it is composed, `worse` if a stage failed."""
    if is_composed(entry, stages):
        return "better"
    return "worse" if any(entry.of(stage).state == FAILED for stage in stages) else ""


def reasons_of(entry: ObjectEntry, stages: Sequence[StageText]) -> dict[str, str]:
    """By the title of each stage that failed, or did not do all that was wished, why."""
    facts = {stage.title: entry.of(stage) for stage in stages}
    return {title: one.reason for title, one in facts.items() if one.state != SKIPPED and one.reason is not None}
