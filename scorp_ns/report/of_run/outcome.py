"""What became of an object, in a sentence and in a tone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scorp_ns.report.kit.tables import shown
from scorp_ns.report.of_run.schema import DONE, FAILED, SKIPPED, STAGES

TITLES = {
    "masks": "masks",
    "lift": "lifted",
    "propose": "proxy",
    "place": "placed",
    "tune": "tuned",
    "compose": "composed",
}
"""What the stages are called for people."""

KEPT = {
    "masks": "It is left out.",
    "lift": "It is part of the scene like everything else.",
    "propose": "There is no proxy of it, and it stays as it was lifted.",
    "place": "The place of its proxy is not to be believed, and it stays as it was lifted.",
    "tune": "Its proxy keeps the colours that were generated.",
    "compose": "It could not be put together with its proxy, and stays as it was lifted.",
}
"""What a failure at each stage comes to."""


def outcome_of(stages: Mapping[str, Mapping[str, Any]]) -> str:
    """What became of the object with these stages."""
    failed = [stage for stage in STAGES if stages[stage]["state"] == FAILED]
    composed = stages["compose"]
    if composed["state"] == DONE:
        kept, filled = (shown(composed[key], 0) for key in ("kept", "filled"))
        return f"{kept} of its own Gaussians stay, and {filled} come from its proxy."
    if failed:
        return KEPT[failed[0]]
    if stages["lift"]["state"] == DONE:
        return "It stays as it was lifted."
    return "It was not lifted in this run."


def tone_of(entry: Mapping[str, Any]) -> str:
    """The page's tone for an object: `better` if it is composed, `worse` if a stage failed."""
    if entry["compose"]["state"] == DONE:
        return "better"
    return "worse" if any(entry[stage]["state"] == FAILED for stage in STAGES) else ""


def reasons_of(entry: Mapping[str, Any]) -> dict[str, str]:
    """By the title of each stage that failed, or did not do all that was wished, why."""
    return {
        TITLES[stage]: entry[stage]["reason"]
        for stage in STAGES
        if entry[stage]["state"] != SKIPPED and "reason" in entry[stage]
    }
