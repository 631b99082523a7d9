"""What any page is made of: its frame, sections, terms, and its tables."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from html import escape

from scorp_ns.report.kit.style import DIALOG, SCRIPT, STYLE
from scorp_ns.report.kit.tables import Cell, Table, head_spans


def page(title: str, body: str) -> str:
    """The whole file. It may load nothing, and run no script but ours, whatever names are in the body."""
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><main>{body}</main>{DIALOG}<script>{SCRIPT}</script></body></html>\n"
    )


def section(title: str, body: str) -> str:
    """A part of the page that can be linked to; nothing without content."""
    name = escape(_anchor(title))
    return f'<section id="{name}"><h2>{escape(title)}</h2>{body}</section>\n' if body else ""


def links_html(titles: Iterable[str]) -> str:
    """Links to the sections with these titles."""
    return "".join(f'<a href="#{escape(_anchor(title))}">{escape(title)}</a>' for title in titles)


def facts_html(facts: Mapping[str, str]) -> str:
    """Short facts in a row that wraps."""
    shown = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items())
    return f'<dl class="facts">{shown}</dl>'


def tile_html(what: str, value: str, below: str) -> str:
    """A number that matters, large, with a word on it below."""
    return (
        f'<div class="tile"><div class="what">{escape(what)}</div><div class="value">{escape(value)}</div>'
        f'<div class="change">{escape(below)}</div></div>'
    )


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def terms_html(texts: Mapping[str, str]) -> str:
    """Names and what they mean."""
    terms = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in texts.items())
    return f'<dl class="terms">{terms}</dl>' if terms else ""


def tables_html(tables: Iterable[Table]) -> str:
    """The tables, side by side where the page is wide enough."""
    inside = "".join(map(table_html, tables))
    return f'<div class="tables">{inside}</div>' if inside else ""


def table_html(table: Table) -> str:
    """The table under its title and note, scrolling by itself where it is wider than the page."""
    head = "".join(
        f'<th scope="col"{" class=head" if index < table.num_heads else ""}>{escape(column)}</th>'
        for index, column in enumerate(table.columns)
    )
    title, note = escape(table.title.replace("_", " ")), escape(table.note)
    above = (f"<h3>{title}</h3>" if title else "") + (f'<p class="note">{note}</p>' if note else "")
    return (
        f'<div>{above}<div class="scroll" tabindex="0" role="region" aria-label="{title or note}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(_rows(table))}</tbody></table></div></div>"
    )


def _rows(table: Table) -> Iterator[str]:
    spans = head_spans(table)
    for row, row_spans in zip(table.rows, spans, strict=True):
        heads = "".join(
            _head(cell, span, is_group=index == 0)
            for index, (cell, span) in enumerate(zip(row, row_spans, strict=False))
            if span
        )
        cells = "".join(map(_cell, row[table.num_heads :]))
        yield f"<tr{' class=first' if row_spans[0] and table.num_heads > 1 else ''}>{heads}{cells}</tr>"


LONG = 24
"""Texts from here on may be broken into lines."""


def _head(cell: Cell, span: int, is_group: bool) -> str:
    classes = "head" + (" group" if is_group else "") + (" long" if len(cell.text) > LONG else "")
    rows = f' rowspan="{span}"' if span > 1 else ""
    text = f'<a href="{escape(cell.link)}">{escape(cell.text)}</a>' if cell.link else escape(cell.text)
    return f'<th scope="{"rowgroup" if span > 1 else "row"}" class="{classes}"{rows}>{text}</th>'


def _cell(cell: Cell) -> str:
    text = f"<b>{escape(cell.text)}</b>" if cell.is_best else escape(cell.text)
    classes = [cell.tone] if cell.tone else []
    classes += ["bar"] if cell.share is not None else []
    classes += ["long"] if len(cell.text) > LONG else []
    before = f'<span class="was">{escape(cell.before)} → </span>' if cell.before else ""
    attributes = f' class="{" ".join(classes)}"' if classes else ""
    attributes += f' style="--share:{cell.share:.3f}"' if cell.share is not None else ""
    return f"<td{attributes}>{before}{text}</td>"
