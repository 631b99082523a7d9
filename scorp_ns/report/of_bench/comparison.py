"""Reports beside each other: two generators, or the modes `blend` and `replace`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scorp_ns.report.kit.facts import Number
from scorp_ns.report.kit.page import page, section, tables_html
from scorp_ns.report.kit.tables import Cell, Table
from scorp_ns.report.kit.writing import write_text
from scorp_ns.report.of_bench.facts import SETS, STAGES
from scorp_ns.report.of_bench.markdown import escaped, table_markdown
from scorp_ns.report.of_bench.tables import (
    ALONE,
    AVERAGE,
    change,
    gain_cell,
    measured_metrics,
    metric_of,
    ordered_splits,
    score_cell,
    scores_of,
    split_label,
)

TITLE = "Runs compared"

NOTE = (
    "Runs that train a scene of their own differ before refinement already: compare their gains, which are each "
    "over the run's own scene."
)


def write_comparison(reports: Sequence[Mapping[str, Any]], folder: Path) -> Path:
    """Write comparison.md and comparison.html; the path of the second."""
    tables = compare(reports)
    blocks = [f"# {TITLE}", NOTE]
    for table in tables:
        blocks += [f"## {escaped(table.title)}", table_markdown(table)]
    write_text(folder / "comparison.md", "\n\n".join(blocks) + "\n")
    header = f'<h1>{TITLE}</h1><p class="note">{NOTE}</p>'
    return write_text(folder / "comparison.html", page(TITLE, header + section("Scores", tables_html(tables))))


def compare(reports: Sequence[Mapping[str, Any]]) -> list[Table]:
    """A table for each missing share, and for their average where all runs measured the same shares.

    Rows are metrics before and after, and their gains; columns are runs; the best run of each row is marked.
    """
    names = dict.fromkeys(name for report in reports for name, _ in ordered_splits(report))
    parts = {split_label(name): [report["splits"].get(name, {}) for report in reports] for name in names}
    if len(names) > 1 and all(set(report["splits"]) == set(names) for report in reports):
        parts[AVERAGE] = [report.get("average", {}) for report in reports]
    runs = run_names(reports)
    return [
        Table(label, "", ["views", "metric", "stage", *runs], list(_rows(part)), num_heads=3)
        for label, part in parts.items()
    ]


def run_names(reports: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each run is called: its name, or what tells it from the others; numbered where nothing does."""
    keys = ("capture", "method", "generator", "mode", "iterations", "date")
    telling = [key for key in keys if len({str(report.get(key)) for report in reports}) > 1]
    names = [
        str(report.get("name") or ", ".join(str(report[key]) for key in telling if report.get(key) is not None))
        for report in reports
    ]
    return [
        name if name and names.count(name) == 1 else f"{name} run {number}".strip()
        for number, name in enumerate(names, start=1)
    ]


def _rows(parts: Sequence[Mapping[str, Any]]) -> Iterator[list[Cell]]:
    """The rows for one missing share; `parts` has each run's scores there."""
    for name in (ALONE, *SETS):
        scores = [scores_of(part, name) for part in parts]
        spreads = [scores_of(part.get("spread", {}), name) for part in parts]
        for key in measured_metrics(scores):
            yield from _metric_rows([Cell(name), Cell(metric_of(key).heading)], key, scores, spreads)


def _metric_rows(
    heads: list[Cell], key: str, scores: Sequence[Mapping[str, Any]], spreads: Sequence[Mapping[str, Any]]
) -> Iterator[list[Cell]]:
    stages = {stage: [entry.get(stage, {}).get(key) for entry in scores] for stage in STAGES}
    for stage, values in stages.items():
        deviations = [spread.get(stage, {}).get(key) for spread in spreads]
        cells = [score_cell(key, value, None, spread) for value, spread in zip(values, deviations, strict=True)]
        if any(value is not None for value in values):
            yield [*heads, Cell(stage), *_best_marked(key, values, cells)]
    pairs = list(zip(*stages.values(), strict=True))
    gains = [None if before is None or after is None else after - before for before, after in pairs]
    if any(gain is not None for gain in gains):
        yield [*heads, Cell("gain"), *_best_marked(key, gains, [gain_cell(key, *pair) for pair in pairs])]


def _best_marked(key: str, values: Sequence[Number | None], cells: Sequence[Cell]) -> Iterator[Cell]:
    """The cells, with those marked that are behind none and ahead of one."""
    for value, cell in zip(values, cells, strict=True):
        leads = [change(key, other, value) for other in values]
        yield replace(cell, is_best=max(leads) > 0 and min(leads) >= 0)
