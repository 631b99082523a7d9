"""A report as one HTML file that opens from disk and loads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from scorp_ns.report.kit.page import facts_html, links_html, page, section, tables_html, terms_html
from scorp_ns.report.kit.tables import shown
from scorp_ns.report.of_bench.facts import STAGES
from scorp_ns.report.of_bench.object_tables import object_tables, stage_table
from scorp_ns.report.of_bench.pictures import pictures_html
from scorp_ns.report.of_bench.svg_plots import Line, equal_spans, line_plot
from scorp_ns.report.of_bench.tables import (
    ALONE,
    facts_of,
    gain_cell,
    metric_of,
    ordered_splits,
    parts_with_average,
    scores_of,
    set_tables,
    split_label,
    views_of,
)

PLOTTED_SETS = (ALONE, "back", "in_arc", "training")

PLOTTED = {"psnr": 2.0, "miou": 0.05}
"""The metrics that are plotted, and the least that a plot's height spans, so that noise looks small."""

UNITS = {"psnr": " dB"}


def report_html(report: Mapping[str, Any], folder: Path) -> str:
    """The whole page; `folder` is where the report's pictures are."""
    times = stage_table(report)
    sections = {
        "Over the missing share": _plots(report),
        "Scores": tables_html(set_tables(report)),
        "Pictures": _pictures(report, folder),
        "Objects": tables_html(object_tables(report)),
        "Times and memory": tables_html([times] if times.rows else []),
        "Views": terms_html(dict(views_of(report))),
        "Not measured": terms_html(report.get("absent", {})),
        "Definitions": terms_html(report.get("definitions", {})),
    }
    body = "".join(section(title, content) for title, content in sections.items())
    return page(f"{report['capture']}: missing viewpoints", _header(report, sections) + body)


def _header(report: Mapping[str, Any], sections: Mapping[str, str]) -> str:
    links = links_html([title for title, content in sections.items() if content])
    return (
        f"<header><h1>{escape(report['capture'])}: missing viewpoints</h1>{facts_html(dict(facts_of(report)))}"
        f"<nav>{links}</nav></header>\n{_summary(report)}"
    )


def _summary(report: Mapping[str, Any]) -> str:
    """The scores that matter most, over all splits."""
    label, part = list(parts_with_average(report))[-1]
    over = f"{label} missing" if len(report["splits"]) == 1 else "mean over missing shares"
    tiles = "".join(
        _tile(f"{metric_of(key).label} {name}", key, scores_of(part, name))
        for name in (ALONE, "back")
        for key in PLOTTED
    )
    return f'<h4>{escape(over)}</h4><div class="tiles">{tiles}</div>' if tiles else ""


def _tile(what: str, key: str, scores: Mapping[str, Any]) -> str:
    before, after = (scores.get(stage, {}).get(key) for stage in STAGES)
    value = before if after is None else after
    if value is None:
        return ""
    gain = gain_cell(key, before, after)
    digits = metric_of(key).digits
    changed = (
        "before refinement"
        if after is None
        else f'<span class="{gain.tone}">{escape(gain.text)}</span> from {escape(shown(before, digits))}'
    )
    return (
        f'<div class="tile"><div class="what">{escape(what)}</div><div class="value">{shown(value, digits)}'
        f'{UNITS.get(key, "")}</div><div class="change">{changed}</div></div>'
    )


def _plots(report: Mapping[str, Any]) -> str:
    rows = "".join(_plot_row(report, key, least) for key, least in PLOTTED.items())
    if not rows:
        return ""
    stages = [stage for stage in STAGES if f'<g class="{stage}">' in rows]
    legend = "".join(f'<span class="{stage}">{stage} refinement</span>' for stage in stages)
    spread = " Bars are standard deviations over seeds." if 'class="spread"' in rows else ""
    note = f"The plots of a row have the same scale at different heights.{spread}"
    return f'<p class="note">{note}</p><div class="legend">{legend}</div>{rows}'


def _plot_row(report: Mapping[str, Any], key: str, least: float) -> str:
    """A plot for each set of views in which the metric was measured."""
    panels = {name: lines for name in PLOTTED_SETS if (lines := list(_lines(report, name, key)))}
    if not panels:
        return ""
    places = [split_label(name) for name, _ in ordered_splits(report)]
    label = metric_of(key).label
    plots = "".join(
        f"<figure><figcaption>{escape(name.replace('_', ' '))}</figcaption>"
        f"{line_plot(f'{label} {name} by missing share', places, lines, bounds)}</figure>"
        for (name, lines), bounds in zip(panels.items(), equal_spans(list(panels.values()), least), strict=True)
    )
    return f'<h3>{label}{UNITS.get(key, "").replace(" ", " in ")}</h3><div class="plots">{plots}</div>'


def _lines(report: Mapping[str, Any], name: str, key: str) -> Iterator[Line]:
    splits = [split for _, split in ordered_splits(report)]
    for stage in STAGES:
        values = [_value(split, name, stage, key) for split in splits]
        spreads = [_value(split.get("spread", {}), name, stage, key) for split in splits]
        if any(value is not None for value in values):
            yield Line(stage, values, spreads)


def _value(part: Mapping[str, Any], name: str, stage: str, key: str) -> float | None:
    value = scores_of(part, name).get(stage, {}).get(key)
    return None if value is None else float(value)


def _pictures(report: Mapping[str, Any], folder: Path) -> str:
    pictures = pictures_html(report, folder)
    note = "A picture opens large; a click on it, or the arrow keys, swap it in place for the others of its view."
    return f'<p class="note">{note}</p>{pictures}' if pictures else ""
