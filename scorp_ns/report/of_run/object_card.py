"""One object in the report of a run: what happened to it, stage by stage, and how it looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any

from scorp_ns.report.kit.page import facts_html
from scorp_ns.report.kit.pictures import embedded, figure_html, picture_html
from scorp_ns.report.kit.tables import shown, time_text
from scorp_ns.report.of_run.outcome import TITLES, reasons_of, tone_of
from scorp_ns.report.of_run.pictures import LARGEST, Row
from scorp_ns.report.of_run.schema import STAGES

DECISIONS = {
    "accepted": "Somebody at the viewer put its proxy where it stands.",
    "rejected": "Somebody at the viewer rejected its proxy: it keeps what was lifted of it.",
}

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
"""What facts are called for people, where their own names say little."""

SMALL, MANY = 200, 6
"""Pictures of at most so many pixels a side are shown small, and so are those of rows that have more than so many."""

PLACED_BY = {"generator": "its generator", "search": "search", "person": "somebody at the viewer"}

SHARES = {"explained", "space_filled", "surface_unseen", "spill", "distance", "seen", "denied", "filled_share"}
"""Facts that are shown in per cent."""


def object_card(number: int, name: str, entry: Mapping[str, Any], rows: Sequence[Row], is_lazy: bool) -> str:
    """The object's part of the page, to which `#object-<number>` leads; a lazy one is laid out when it is reached."""
    reasons = "".join(
        f'<p class="reason"><b>{escape(title)}:</b> {escape(reason)}</p>' for title, reason in reasons_of(entry).items()
    )
    return (
        f'<article class="card{" lazy" if is_lazy else ""}" id="object-{number}"><h3>{escape(name)}</h3>{_steps(entry)}'
        f"{_decision(entry)}"
        f'<p class="{tone_of(entry)}">{escape(entry["outcome"])}</p>{reasons}{_notes(entry)}'
        f'<dl class="stages">{"".join(_stage(stage, entry[stage]) for stage in STAGES)}</dl>'
        f"{''.join(_chapters(name, rows))}</article>\n"
    )


def _steps(entry: Mapping[str, Any]) -> str:
    """The way through the stages as a row of marks."""
    steps = "".join(
        f'<li class="{state}" title="{state}">{escape(TITLES[stage])}</li>'
        for stage in STAGES
        for state in [escape(entry[stage]["state"])]
    )
    return f'<ol class="steps">{steps}</ol>'


def _decision(entry: Mapping[str, Any]) -> str:
    decision = entry.get("decision")
    return "" if decision is None else f'<p class="decision">{escape(DECISIONS.get(decision, str(decision)))}</p>'


def _notes(entry: Mapping[str, Any]) -> str:
    notes = [*entry["propose"].get("notes", ())]
    notes += [f"{each['frame']}: {each['reason']}" for each in entry["masks"].get("suspicious", ())]
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<ul class="notes">{items}</ul>' if items else ""


def _stage(stage: str, facts: Mapping[str, Any]) -> str:
    told = dict(_told(stage, facts))
    return f"<dt>{escape(TITLES[stage])}</dt><dd>{facts_html(told)}</dd>" if told else ""


def _told(stage: str, facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a stage found, in words."""
    yield from {
        "masks": _told_of_masks,
        "lift": _told_of_lifting,
        "propose": _told_of_proxy,
        "place": _told_of_place,
        "tune": _evidence,
        "compose": _told_of_composing,
    }[stage](facts)
    if "seconds" in facts:
        yield "time", time_text(facts["seconds"])


def _told_of_masks(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "frames" in facts:
        yield "shown by", f"{facts['frames']} photographs"
        yield "mean area", f"{facts['mean_area']:.1%} of them"
        yield "cut by the border in", str(facts["cut"])
    if facts.get("origin") in ("box", "click"):
        yield "pointed out by a", facts["origin"]


def _told_of_lifting(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "gaussians" in facts:
        yield "Gaussians", shown(facts["gaussians"], 0)
        yield "seen", f"{facts['mean_visibility']:.0%}"
        yield "fits its masks", shown(facts["mask_iou"], 2)
        yield "stands on", "a plane" if facts["has_support"] else "nothing found"


def _told_of_proxy(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "made_by" in facts:
        yield "made by", facts["made_by"]
        yield "Gaussians", shown(facts["gaussians"], 0)
        yield from _evidence(facts)
        if "license" in facts:
            yield "licence", facts["license"]


def _told_of_place(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "by" in facts:
        yield "by", PLACED_BY.get(facts["by"], str(facts["by"]))
    yield from _named(facts.get("confidence", {}))


def _told_of_composing(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, title in (("kept", "Gaussians that stay"), ("dropped", "that go"), ("filled", "from its proxy")):
        if key in facts:
            yield title, shown(facts[key], 0)
    yield from _evidence(facts)


def _evidence(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from _named(facts.get("evidence", {}))


def _named(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        is_share = key in SHARES and isinstance(value, (int, float))
        text = f"{value:.1%}" if is_share else value if isinstance(value, str) else shown(value, 3)
        yield WORDS.get(key, key.replace("_", " ")), text


def _chapters(name: str, rows: Sequence[Row]) -> Iterator[str]:
    """The rows of pictures, under what they have in common."""
    for (chapter, note), same in groupby(rows, key=lambda row: (row.chapter, row.note)):
        yield f'<h4>{escape(chapter)}</h4><p class="note">{escape(note)}</p>'
        yield from (_row(name, row) for row in same)


def _row(name: str, row: Row) -> str:
    pictures = [
        picture_html(
            embedded(picture.image, LARGEST),
            picture.kind,
            picture.caption,
            f"{name}: {picture.caption}{', ' if row.title else ''}{row.title}",
        )
        for picture in row.pictures
    ]
    is_small = len(pictures) > MANY or max(picture.image.width for picture in row.pictures) <= SMALL
    return figure_html(row.title, pictures, is_small)
