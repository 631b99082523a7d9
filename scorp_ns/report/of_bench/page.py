"""The report of a bench, and a comparison of several, as HTML files that open from disk and load nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from scorp_ns.report.kit.pages import embedded, render_page
from scorp_ns.report.kit.tables import Tile, shown
from scorp_ns.report.kit.writing import write_text
from scorp_ns.report.of_bench.facts import PICTURES, STAGES
from scorp_ns.report.of_bench.markdown import comparison_markdown
from scorp_ns.report.of_bench.plots import Line, Plot, equal_spans
from scorp_ns.report.of_bench.tables import (
    ALONE,
    compare,
    facts_of,
    gain_cell,
    metric_of,
    object_tables,
    ordered_splits,
    pair_of,
    parts_with_average,
    set_tables,
    split_label,
    spread_of,
    stage_table,
    views_of,
)


@dataclass(frozen=True)
class ViewPicture:
    """One picture of a view, or what stands in the place of one that there is not."""

    name: str
    caption: str
    said: str
    """The alternative text; without a source, the reason why there is none."""
    source: str | None


@dataclass(frozen=True)
class Figure:
    """The pictures of a view."""

    title: str
    pictures: Sequence[ViewPicture]


PLOTTED_SETS = (ALONE, "back", "in_arc", "training")

PLOTTED = {"psnr": 2.0, "miou": 0.05}
"""The metrics that are plotted, and the least that a plot's height spans, so that noise looks small."""

UNITS = {"psnr": " dB"}

LONGER_SIDE = 720
"""Larger pictures are made smaller, in pixels."""

COMPARED = "Runs compared"
COMPARED_NOTE = (
    "Runs that train a scene of their own differ before refinement already: compare their gains, which are each "
    "over the run's own scene."
)


def report_html(report: Mapping[str, Any], folder: Path) -> str:
    """The whole page; `folder` is where the report's pictures are."""
    label, part = list(parts_with_average(report))[-1]
    plots = {_heading(key): panels for key in PLOTTED if (panels := _panels(report, key))}
    lines = [line for panels in plots.values() for plot in panels.values() for line in plot.lines]
    return render_page(
        "bench.html",
        report=report,
        facts=dict(facts_of(report)),
        over=f"{label} missing" if len(report["splits"]) == 1 else "mean over missing shares",
        tiles=[tile for name in (ALONE, "back") for key in PLOTTED for tile in _tiles(part, name, key)],
        plots=plots.items(),
        plotted_stages=[stage for stage in STAGES if any(line.name == stage for line in lines)],
        has_spread=any(any(line.spreads) for line in lines),
        scores=set_tables(report),
        pictures=list(_pictures(report, folder)),
        objects=object_tables(report),
        times=stage_table(report),
        views=dict(views_of(report)),
    )


def write_comparison(reports: Sequence[Mapping[str, Any]], folder: Path) -> Path:
    """Write comparison.md and comparison.html; the path of the second."""
    tables = compare(reports)
    write_text(folder / "comparison.md", comparison_markdown(COMPARED, COMPARED_NOTE, tables))
    page = render_page("comparison.html", title=COMPARED, note=COMPARED_NOTE, tables=tables)
    return write_text(folder / "comparison.html", page)


def _tiles(part: Mapping[str, Any], name: str, key: str) -> Iterator[Tile]:
    """The tile of a score that matters most, if it was measured."""
    before, after = pair_of(part, name, key)
    value, metric = before if after is None else after, metric_of(key)
    if value is None:
        return
    what, text = f"{metric.label} {name}", f"{shown(value, metric.digits)}{UNITS.get(key, '')}"
    gain, below = gain_cell(key, before, after), f"from {shown(before, metric.digits)}"
    yield Tile(what, text, "before refinement") if after is None else Tile(what, text, below, gain.tone, gain.text)


def _heading(key: str) -> str:
    return metric_of(key).label + UNITS.get(key, "").replace(" ", " in ")


def _panels(report: Mapping[str, Any], key: str) -> dict[str, Plot]:
    """A plot for each set of views in which the metric was measured."""
    panels = {name: lines for name in PLOTTED_SETS if (lines := list(_lines(report, name, key)))}
    places, label = [split_label(name) for name, _ in ordered_splits(report)], metric_of(key).label
    spans = equal_spans(list(panels.values()), PLOTTED[key]) if panels else []
    return {
        name: Plot(f"{label} {name} by missing share", places, lines, *bounds)
        for (name, lines), bounds in zip(panels.items(), spans, strict=True)
    }


def _lines(report: Mapping[str, Any], name: str, key: str) -> Iterator[Line]:
    splits = [split for _, split in ordered_splits(report)]
    for now, stage in enumerate(STAGES):
        values, spreads = ([of(split, name, key)[now] for split in splits] for of in (pair_of, spread_of))
        if any(value is not None for value in values):
            yield Line(stage, values, spreads)


def _pictures(report: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, dict[str, list[Figure]]]]:
    """All views with pictures, by split and set of views."""
    for name, split in ordered_splits(report):
        rows = split.get("pictures", [])
        sets = dict.fromkeys(row["set"] for row in rows)
        if rows:
            yield split_label(name), {one: [_figure(row, folder) for row in rows if row["set"] == one] for one in sets}


def _figure(row: Mapping[str, str], folder: Path) -> Figure:
    """The pictures of one view."""
    pictures = []
    for name in (name for name in PICTURES if row.get(name)):
        caption = "error before" if name == "error" and row.get("error_after") else name.replace("_", " ")
        source = embedded_file(folder / row[name])
        said = f"{caption}, {row['view']}, {row['set']}".replace("_", " ")
        pictures.append(ViewPicture(name, caption, f"{row[name]} is not there" if source is None else said, source))
    return Figure(row["view"], pictures)


def embedded_file(path: Path) -> str | None:
    """The picture as the address of itself; None where there is no picture that can be read."""
    try:
        with Image.open(path) as picture:
            return embedded(picture, LONGER_SIDE)
    except (OSError, ValueError):
        return None
