"""A report as Markdown, in the form of the paper's tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scorp_ns.report.kit.tables import Cell, Table
from scorp_ns.report.of_bench.tables import facts_of, object_tables, set_tables, stage_table, views_of


def report_markdown(report: Mapping[str, Any]) -> str:
    """The whole report."""
    objects, times = object_tables(report), stage_table(report)
    blocks = [
        f"# {escaped(report['capture'])}: missing viewpoints",
        ", ".join(f"{escaped(key)} {escaped(value)}" for key, value in facts_of(report)),
        "## Scores",
        *(block for table in set_tables(report) for block in (f"### {escaped(table.title)}", table_markdown(table))),
        *_listed("Not measured:", report.get("absent", {})),
        *(["## Objects"] if objects else []),
        *(block for one in objects for block in (f"### {escaped(one.title)}", escaped(one.note), table_markdown(one))),
        *(["## Times and memory", table_markdown(times)] if times.rows else []),
        "## Views",
        "\n".join(f"- {escaped(name)}: {escaped(text)}" for name, text in views_of(report)),
        *_listed("## Definitions", report.get("definitions", {})),
    ]
    return "\n\n".join(blocks) + "\n"


def comparison_markdown(title: str, note: str, tables: Sequence[Table]) -> str:
    """A comparison of several reports."""
    blocks = (block for table in tables for block in (f"## {escaped(table.title)}", table_markdown(table)))
    return "\n\n".join((f"# {title}", note, *blocks)) + "\n"


def table_markdown(table: Table) -> str:
    """The table, with columns as wide as what stands in them."""
    lines = [[escaped(column) for column in table.columns], *_texts(table)]
    widths = [max(3, *map(len, column)) for column in zip(*lines, strict=True)]
    is_head = [column < table.num_heads for column in range(len(widths))]
    rule = ["-" * width if head else "-" * (width - 1) + ":" for head, width in zip(is_head, widths, strict=True)]
    padded = (
        (
            text.ljust(width) if head else text.rjust(width)
            for text, head, width in zip(line, is_head, widths, strict=True)
        )
        for line in (lines[0], rule, *lines[1:])
    )
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def escaped(text: str) -> str:
    """Text as it is, in one line and without meaning for Markdown or HTML."""
    text = re.sub(r"[\r\n]+", " ", text)
    return re.sub(r"[\\`*|<>\[\]&#]|(?<!\w)_|_(?!\w)", lambda found: f"\\{found[0]}", text)


def _texts(table: Table) -> Iterator[list[str]]:
    """The rows as text; heads that repeat those of the row above are left out."""
    for row, spans in table.spanned:
        heads = [escaped(cell.text) if span else "" for cell, span in zip(row, spans, strict=False)]
        yield [*heads, *map(_text, row[table.num_heads :])]


def _text(cell: Cell) -> str:
    text = f"**{escaped(cell.text)}**" if cell.is_best else escaped(cell.text)
    return f"{escaped(cell.before)} → {text}" if cell.before else text


def _listed(heading: str, texts: Mapping[str, str]) -> list[str]:
    if not texts:
        return []
    return [heading, "\n".join(f"- **{escaped(name)}**: {escaped(text)}" for name, text in texts.items())]
