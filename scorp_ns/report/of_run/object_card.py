"""One object in the report of a run: what happened to it, stage by stage, and how it looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import get_args

from scorp_ns.report.kit.facts import Value, hints_of
from scorp_ns.report.kit.page import facts_html
from scorp_ns.report.kit.pictures import embedded, figure_html, picture_html
from scorp_ns.report.kit.tables import shown
from scorp_ns.report.of_run.facts import ObjectEntry, StageFacts, StageText, Told
from scorp_ns.report.of_run.outcome import reasons_of, tone_of
from scorp_ns.report.of_run.pictures import LARGEST, Row

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

SHARES = {"explained", "space_filled", "surface_unseen", "spill", "distance", "seen", "denied", "filled_share"}
"""Facts that are shown in per cent."""


def object_card(
    number: int, name: str, entry: ObjectEntry, rows: Sequence[Row], stages: Sequence[StageText], is_lazy: bool
) -> str:
    """The object's part of the page, to which `#object-<number>` leads; a lazy one is laid out when it is reached."""
    reasons = "".join(
        f'<p class="reason"><b>{escape(title)}:</b> {escape(reason)}</p>'
        for title, reason in reasons_of(entry, stages).items()
    )
    return (
        f'<article class="card{" lazy" if is_lazy else ""}" id="object-{number}"><h3>{escape(name)}</h3>'
        f"{_steps(entry, stages)}{_decision(entry)}"
        f'<p class="{tone_of(entry, stages)}">{escape(entry.outcome)}</p>{reasons}{_notes(entry, stages)}'
        f'<dl class="stages">{"".join(_stage(stage, entry.of(stage)) for stage in stages)}</dl>'
        f"{''.join(_chapters(name, rows))}</article>\n"
    )


def _steps(entry: ObjectEntry, stages: Sequence[StageText]) -> str:
    """The way through the stages as a row of marks."""
    steps = "".join(
        f'<li class="{state}" title="{state}">{escape(stage.title)}</li>'
        for stage in stages
        for state in [escape(entry.of(stage).state)]
    )
    return f'<ol class="steps">{steps}</ol>'


def _decision(entry: ObjectEntry) -> str:
    decision = entry.decision
    return "" if decision is None else f'<p class="decision">{escape(DECISIONS.get(decision, decision))}</p>'


def _notes(entry: ObjectEntry, stages: Sequence[StageText]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for stage in stages for note in entry.of(stage).remarks())
    return f'<ul class="notes">{items}</ul>' if items else ""


def _stage(stage: StageText, facts: StageFacts) -> str:
    told = dict(_told(facts))
    return f"<dt>{escape(stage.title)}</dt><dd>{facts_html(told)}</dd>" if told else ""


def _told(facts: StageFacts) -> Iterator[tuple[str, str]]:
    """The facts that are annotated for it, in words; those of all stages come last."""
    hints, common = hints_of(type(facts)), hints_of(StageFacts)
    for name in sorted(hints, key=lambda name: name in common):
        told = [one for one in get_args(hints[name])[1:] if isinstance(one, Told)]
        value = getattr(facts, name)
        if told and isinstance(value, Mapping):
            yield from map(_named, value.items())
        elif told and value is not None and (text := told[0].form(value)):
            yield told[0].name, text


def _named(fact: tuple[str, Value]) -> tuple[str, str]:
    key, value = fact
    is_share = key in SHARES and isinstance(value, (int, float))
    text = f"{value:.1%}" if is_share else value if isinstance(value, str) else shown(value, 3)
    return WORDS.get(key, key.replace("_", " ")), text


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
