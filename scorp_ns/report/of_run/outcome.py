"""The outcome of an object, in words and in a tone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from scorp_ns.report.kit.facts import Value, hints_of
from scorp_ns.report.kit.tables import shown
from scorp_ns.report.of_run.facts import DONE, FAILED, ComposeFacts, ObjectEntry, StageFacts, StageText, Told

WORDS = {
    "explained": "of what was seen explained (more is better)",
    "space_filled": "of the possible space filled",
    "surface_unseen": "of its surface never seen",
    "spill": "free space covered (less is better)",
    "distance": "seen surface off by (less is better)",
    "margin": "margin over another pose (more is better)",
    "error_generated": "off the photographs as generated (less is better)",
    "error_mapped": "with one colour map",
    "error_tuned": "tuned",
    "exposure_range": "unlike exposures, by a factor",
    "seen": "seen by photographs",
    "denied": "denied by photographs (less is better)",
    "filled_share": "filled in",
}
"""Names of facts for readers, where their own say little."""

SHARES = {"explained", "space_filled", "surface_unseen", "spill", "distance", "seen", "denied", "filled_share"}
"""Facts that are shown in per cent."""


def outcome_of(facts: Mapping[str, StageFacts], stages: Sequence[StageText]) -> str:
    """The outcome of the object with these facts, by the names of their stages."""
    composed, lifted = facts.get("compose"), facts.get("lift")
    if isinstance(composed, ComposeFacts) and composed.state == DONE:
        kept, filled = (shown(number, 0) for number in (composed.kept, composed.filled))
        return f"{kept} of its own Gaussians stay, and {filled} come from its proxy."
    for stage in stages:
        if facts[stage.name].state == FAILED:
            return stage.on_failure
    return f"It {'stays as it was lifted' if lifted and lifted.state == DONE else 'was not lifted in this run'}."


def tone_of(entry: ObjectEntry, stages: Sequence[StageText]) -> str:
    """The page's tone for an object: `better` if it is composed, `worse` if a stage failed."""
    facts = [entry.of(stage) for stage in stages]
    if any(isinstance(one, ComposeFacts) and one.state == DONE for one in facts):
        return "better"
    return "worse" if any(one.state == FAILED for one in facts) else ""


def told(facts: StageFacts) -> dict[str, str]:
    """The facts that are annotated for it, in words; those that all stages have come last."""
    words, hints, common = {}, hints_of(type(facts)), hints_of(StageFacts)
    for name in sorted(hints, key=lambda name: name in common):
        value, told = getattr(facts, name), [one for one in get_args(hints[name])[1:] if isinstance(one, Told)]
        if told and isinstance(value, Mapping):
            words |= {WORDS.get(key, key.replace("_", " ")): _text(key, one) for key, one in value.items()}
        elif told and value is not None and (text := told[0].form(value)):
            words[told[0].name] = text
    return words


def _text(name: str, value: Value) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.1%}" if name in SHARES and value is not None else shown(value, 3)
