"""The tables of a report, before they become Markdown or HTML."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from scorp_ns.report.kit.facts import Number
from scorp_ns.report.kit.tables import NOTHING, Cell, Table, cost_table, shown, time_text
from scorp_ns.report.of_bench.facts import SETS, STAGES

ALONE = "alone"
"""The set whose scores stand in the split itself."""

AVERAGE = "average"

TONES = {1: "better", -1: "worse", 0: ""}
"""The tones for changes."""


@dataclass(frozen=True)
class Metric:
    """The label, digits and direction of a number."""

    label: str
    digits: int
    better: int = 0
    """1 where more is better, -1 where less is, 0 where neither."""

    @property
    def heading(self) -> str:
        """The label, with an arrow towards better."""
        return f"{self.label} {'↑' if self.better > 0 else '↓'}" if self.better else self.label


METRICS = {
    "ssim": Metric("SSIM", 3, 1),
    "psnr": Metric("PSNR", 2, 1),
    "lpips": Metric("LPIPS", 3, -1),
    "musiq": Metric("MUSIQ", 2, 1),
    "clip_s": Metric("CLIP-S", 3, 1),
    "miou": Metric("mIoU", 3, 1),
    "full_psnr": Metric("full PSNR", 2, 1),
    "gaussians": Metric("Gaussians", 0),
    "mask_iou": Metric("mask IoU", 3, 1),
    "chamfer": Metric("Chamfer", 4, -1),
    "chamfer_pct": Metric("Chamfer %", 2, -1),
    "emd": Metric("EMD", 4, -1),
    "emd_pct": Metric("EMD %", 2, -1),
    "fscore": Metric("F-score", 3, 1),
    "c2": Metric("completeness", 3, 1),
    "p2": Metric("precision", 3, 1),
    "rotation_deg": Metric("rotation °", 2, -1),
    "scale_pct": Metric("scale %", 2, -1),
    "translation_pct": Metric("translation %", 2, -1),
}
"""The known metrics, in the order of columns: first as in the paper."""


def metric_of(name: str) -> Metric:
    """The label and digits of a metric; unknown metrics keep their name."""
    return METRICS.get(name, Metric(name.replace("_", " "), 3))


def ordered_splits(report: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The splits by how much is missing."""
    return sorted(report["splits"].items(), key=lambda item: (item[1]["missing"] or 0, item[0]))


def split_label(name: str) -> str:
    """`4/5` for missing_4_5."""
    parts = name.split("_")
    fits = len(parts) == 3 and parts[0] == "missing" and parts[1].isdecimal() and parts[2].isdecimal()
    return f"{parts[1]}/{parts[2]}" if fits else name


def numbers_of(part: Mapping[str, Any], name: str, stage: str) -> Mapping[str, Number | None]:
    """The metrics of a set of views, before or after refinement, within a split, an object, an average or a spread."""
    return (part if name == ALONE else part.get(name, {})).get(stage, {})


def pair_of(part: Mapping[str, Any], name: str, key: str) -> list[Number | None]:
    """A metric before and after refinement."""
    return [numbers_of(part, name, stage).get(key) for stage in STAGES]


def spread_of(part: Mapping[str, Any], name: str, key: str) -> list[Number | None]:
    """The standard deviations over seeds of a metric before and after refinement."""
    return pair_of(part.get("spread", {}), name, key)


def parts_with_average(report: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The splits under their labels, and their average where there are several."""
    splits = ordered_splits(report)
    yield from ((split_label(name), split) for name, split in splits)
    if len(splits) > 1 and report.get("average"):
        yield AVERAGE, report["average"]


def measured_metrics(parts: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    """The metrics with a number anywhere in this set of views, known ones first."""
    found = [numbers.items() for part in parts for stage in STAGES if (numbers := numbers_of(part, name, stage))]
    measured = dict.fromkeys(key for numbers in found for key, value in numbers if value is not None)
    return [*(key for key in METRICS if key in measured), *(key for key in measured if key not in METRICS)]


def set_tables(report: Mapping[str, Any]) -> list[Table]:
    """A table in the paper's form for each set of views that was measured: split x (before, after, gain)."""
    return [table for name in (ALONE, *SETS) if (table := _set_table(report, name)).rows]


def _set_table(report: Mapping[str, Any], name: str) -> Table:
    parts = list(parts_with_average(report))
    metrics = measured_metrics([part for _, part in parts], name)
    rows = [[Cell(label), *row] for label, part in parts if metrics for row in _stage_rows(part, name, metrics)]
    columns = ["missing", "stage", *(metric_of(key).heading for key in metrics)]
    return Table(name, report.get("definitions", {}).get(name, ""), columns, rows, num_heads=2)


def _stage_rows(part: Mapping[str, Any], name: str, metrics: Sequence[str]) -> Iterator[list[Cell]]:
    """Before refinement, after it, and the gain."""
    pairs = {key: (pair_of(part, name, key), spread_of(part, name, key)) for key in metrics}
    measured = [stage for stage in STAGES if numbers_of(part, name, stage)]
    for stage in measured:
        now = STAGES.index(stage)
        scored = (score_cell(key, pair[now], pair[1 - now], spread[now]) for key, (pair, spread) in pairs.items())
        yield [Cell(stage), *scored]
    if len(measured) == len(STAGES):
        yield [Cell("gain"), *(gain_cell(key, *pair) for key, (pair, _) in pairs.items())]


Entry = Mapping[str, Any]
"""The measurements of an object in a split."""

Columns = Sequence[tuple[str, Callable[[Entry], Cell]]]
"""Headings, and what stands below each."""


def object_tables(report: Mapping[str, Any]) -> list[Table]:
    """Appearance, geometry and pose errors of each object."""
    parts = list(parts_with_average(report))
    names = dict.fromkeys(name for _, part in parts for name in part.get("objects", {}))
    found = [(name, label, part.get("objects", {}).get(name)) for name in names for label, part in parts]
    heads = [([Cell(name), Cell(label)], entry) for name, label, entry in found if entry]
    entries = [entry for _, entry in heads]

    def table(title: str, note: str, columns: Columns, parts: Sequence[str], num_heads: int = 2) -> Table:
        """Of the objects with any of these parts, or without rows where nothing was measured."""
        shown_heads = [(head, entry) for head, entry in heads if columns and any(entry.get(part) for part in parts)]
        rows = [[*head, *(cell(entry) for _, cell in columns)] for head, entry in shown_heads]
        return Table(title, note, ["object", "missing", *(name for name, _ in columns)], rows, num_heads)

    of_alone = "Each object by the definition of alone, unless the column says which views."
    of_proxy = "How long each took to make, and what its generator says of it."
    of_truth, of_place = "Each surface against the true one.", "Errors of placing, modulo declared symmetries."
    tables = (
        table("failed", "", [("reason", lambda entry: Cell(entry["failed"]))], ["failed"], num_heads=3),
        table("looks", of_alone, _looks(entries), [*STAGES, *SETS, "lift"]),
        table("geometry", of_truth, _pairs(entries, "geometry"), ["geometry"]),
        table("proxies", of_proxy, _proxy(entries), ["proxy"]),
        table("pose", of_place, _numbers(entries, "pose"), ["pose"]),
    )
    return [table for table in tables if table.rows]


def _looks(entries: Sequence[Entry]) -> Columns:
    sets = [column for name in SETS for column in _pairs(entries, name, f"{name} ", only=("psnr", "miou"))]
    return [*_pairs(entries, ALONE), *sets, *_numbers(entries, "lift")]


def _pairs(entries: Sequence[Entry], part: str, prefix: str = "", only: Sequence[str] = ()) -> Columns:
    """Metrics before and after refinement in one column each."""
    return [
        (f"{prefix}{metric_of(key).heading}", lambda entry, key=key: pair_cell(key, *pair_of(entry, part, key)))
        for key in measured_metrics(entries, part)
        if not only or key in only
    ]


def _numbers(entries: Sequence[Entry], part: str) -> Columns:
    """Numbers that have no before and after, where any entry has them."""
    found = (key for entry in entries for key, value in entry.get(part, {}).items() if value is not None)
    metrics = {key: metric_of(key) for key in found}
    return [
        (metric.heading, lambda entry, key=key: Cell(shown(entry.get(part, {}).get(key), metrics[key].digits)))
        for key, metric in metrics.items()
    ]


def _proxy(entries: Sequence[Entry]) -> Columns:
    def of(entry: Entry, fact: str) -> Cell:
        return Cell(shown(entry["proxy"].get("evidence", {}).get(fact), 3))

    facts = dict.fromkeys(fact for entry in entries for fact in entry.get("proxy", {}).get("evidence", {}))
    time = ("time", lambda entry: Cell(time_text(entry["proxy"].get("seconds"))))
    return [time, *((fact, partial(of, fact=fact)) for fact in facts)]


def stage_table(report: Mapping[str, Any]) -> Table:
    """Times of the stages in every split, their mean, and the most memory each took."""
    splits, overall = ordered_splits(report), report.get("stages", {})
    timed = {split_label(name): _costs(split.get("stages", {}), "seconds") for name, split in splits}
    timed |= {"mean": _costs(overall, "seconds")} if len(splits) > 1 else {}
    memory = _costs(overall or splits[0][1].get("stages", {}), "peak_mb")
    note = "Time of each stage by missing share, and the most memory in use."
    table = cost_table(note, timed, {"peak memory": memory})
    sums = [Cell(time_text(sum(seconds or 0 for seconds in costs.values()))) for costs in timed.values()]
    return replace(table, rows=[*table.rows, [Cell("all"), *sums, Cell("")]]) if len(table.rows) > 1 else table


def _costs(stages: Mapping[str, Mapping[str, Any]], kind: str) -> dict[str, Number | None]:
    return {stage: costs.get(kind) for stage, costs in stages.items()}


def compare(reports: Sequence[Mapping[str, Any]]) -> list[Table]:
    """A table for each missing share, and for their average where all runs measured the same shares.

    Rows are metrics before and after, and their gains; columns are runs; the best run of each row is marked.
    """
    names = dict.fromkeys(name for report in reports for name, _ in ordered_splits(report))
    parts = {split_label(name): [report["splits"].get(name, {}) for report in reports] for name in names}
    if len(names) > 1 and all(set(report["splits"]) == set(names) for report in reports):
        parts[AVERAGE] = [report.get("average", {}) for report in reports]
    columns = ["views", "metric", "stage", *run_names(reports)]
    return [Table(label, "", columns, list(_run_rows(part)), num_heads=3) for label, part in parts.items()]


def run_names(reports: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the runs: their own, or what tells them apart; numbered where nothing does."""
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


def _run_rows(parts: Sequence[Mapping[str, Any]]) -> Iterator[list[Cell]]:
    """The rows for one missing share; `parts` has each run's scores there."""
    for name, key in [(of, key) for of in (ALONE, *SETS) for key in measured_metrics(parts, of)]:
        pairs, spreads = ([of(part, name, key) for part in parts] for of in (pair_of, spread_of))
        rows: dict[str, tuple[list[Number | None], list[Cell]]] = {}
        for now, stage in enumerate(STAGES):
            values = [pair[now] for pair in pairs]
            cells = [score_cell(key, pair[now], None, spread[now]) for pair, spread in zip(pairs, spreads, strict=True)]
            rows[stage] = values, cells
        gains = [None if before is None or after is None else after - before for before, after in pairs]
        rows["gain"] = gains, [gain_cell(key, *pair) for pair in pairs]
        for stage, (values, cells) in rows.items():
            if any(value is not None for value in values):
                heads = [Cell(name), Cell(metric_of(key).heading), Cell(stage)]
                yield [*heads, *_best_marked(key, values, cells)]


def _best_marked(key: str, values: Sequence[Number | None], cells: Sequence[Cell]) -> Iterator[Cell]:
    """The cells, with those marked that are behind none and ahead of one."""
    for value, cell in zip(values, cells, strict=True):
        leads = [change(key, other, value) for other in values]
        yield replace(cell, is_best=max(leads) > 0 and min(leads) >= 0)


def score_cell(key: str, value: Number | None, other: Number | None, spread: Number | None = None) -> Cell:
    """A value, the best if it is better than the other."""
    return Cell(shown(value, metric_of(key).digits, spread), is_best=change(key, other, value) > 0)


def gain_cell(key: str, before: Number | None, after: Number | None) -> Cell:
    """The difference with its sign."""
    if before is None or after is None:
        return Cell(NOTHING)
    digits = metric_of(key).digits
    gain = round(after - before, digits)
    sign = {True: "+", False: "−"}[gain > 0] if gain else ""
    return Cell(sign + shown(abs(gain), digits), tone=TONES[change(key, 0.0, gain)])


def pair_cell(key: str, before: Number | None, after: Number | None) -> Cell:
    """Before and after in one cell, or the one there is."""
    digits, changed = metric_of(key).digits, change(key, before, after)
    if before is None or after is None:
        return Cell(shown(before if after is None else after, digits))
    return Cell(shown(after, digits), shown(before, digits), is_best=changed > 0, tone=TONES[changed])


def change(key: str, before: Number | None, after: Number | None) -> int:
    """1 if the shown value became better, -1 if worse, 0 if neither can be said."""
    metric = metric_of(key)
    if before is None or after is None:
        return 0
    difference = round(after, metric.digits) - round(before, metric.digits)
    return metric.better * ((difference > 0) - (difference < 0))


def facts_of(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The method, settings and machine of the measurement."""
    for key in ("method", "generator", "mode", "iterations"):
        if report.get(key) is not None:
            yield key, str(report[key])
    yield from (("seeds", " ".join(map(str, report["seeds"]))), ("scorp", report["scorp"]), ("date", report["date"]))
    yield from ((name, str(value)) for name, value in report.get("machine", {}).items())


def views_of(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Numbers of views by purpose in each split, and the rule that chose them."""
    for name, split in ordered_splits(report):
        counts = ", ".join(f"{number} {key.replace('_', ' ')}" for key, number in split.get("views", {}).items())
        yield split_label(name), "; ".join(text for text in (counts, split.get("rule", "")) if text)
