"""The tables of a report, before they become Markdown or HTML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scorp_ns.report.kit.facts import Number
from scorp_ns.report.kit.tables import NOTHING, Cell, Table, shown
from scorp_ns.report.of_bench.facts import SETS

ALONE = "alone"
"""The set whose scores stand in the split itself."""

AVERAGE = "average"


@dataclass(frozen=True)
class Metric:
    """How a number is shown."""

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
    "f_score": Metric("F-score", 3, 1),
    "c2": Metric("completeness", 3, 1),
    "completeness": Metric("completeness", 3, 1),
    "p2": Metric("precision", 3, 1),
    "precision": Metric("precision", 3, 1),
    "rotation_deg": Metric("rotation °", 2, -1),
    "scale_pct": Metric("scale %", 2, -1),
    "translation_pct": Metric("translation %", 2, -1),
}
"""The known metrics, in the order of columns: first as in the paper."""


def metric_of(name: str) -> Metric:
    """How to show a metric; those that nobody has described keep their name."""
    return METRICS.get(name, Metric(name.replace("_", " "), 3))


def ordered_splits(report: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The splits by how much is missing."""
    return sorted(report["splits"].items(), key=lambda item: (item[1]["missing"] or 0, item[0]))


def split_label(name: str) -> str:
    """`4/5` for missing_4_5."""
    parts = name.split("_")
    fits = len(parts) == 3 and parts[0] == "missing" and parts[1].isdecimal() and parts[2].isdecimal()
    return f"{parts[1]}/{parts[2]}" if fits else name


def scores_of(part: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The `before` and `after` of a set of views within a split, an object, an average or a spread."""
    return part if name == ALONE else part.get(name, {})


def parts_with_average(report: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The splits under their labels, and their average where there are several."""
    splits = ordered_splits(report)
    yield from ((split_label(name), split) for name, split in splits)
    if len(splits) > 1 and report.get("average"):
        yield AVERAGE, report["average"]


def measured_metrics(scores: Iterable[Mapping[str, Any]]) -> list[str]:
    """The metrics with a number anywhere in these, known ones first."""
    found = {
        name: None
        for entry in scores
        for stage in ("before", "after")
        for name, value in entry.get(stage, {}).items()
        if value is not None
    }
    return [name for name in METRICS if name in found] + [name for name in found if name not in METRICS]


def set_tables(report: Mapping[str, Any]) -> list[Table]:
    """A table in the paper's form for each set of views that was measured: split x (before, after, gain)."""
    tables = [_set_table(report, name) for name in (ALONE, *SETS)]
    return [table for table in tables if table.rows]


def _set_table(report: Mapping[str, Any], name: str) -> Table:
    parts = [
        (label, scores_of(part, name), scores_of(part.get("spread", {}), name))
        for label, part in parts_with_average(report)
    ]
    metrics = measured_metrics(scores for _, scores, _ in parts)
    rows = [row for part in parts for row in _stage_rows(*part, metrics)] if metrics else []
    columns = ["missing", "stage", *(metric_of(metric).heading for metric in metrics)]
    return Table(name, report.get("definitions", {}).get(name, ""), columns, rows, num_heads=2)


def _stage_rows(
    label: str, scores: Mapping[str, Any], spread: Mapping[str, Any], metrics: list[str]
) -> Iterator[list[Cell]]:
    before, after = scores.get("before", {}), scores.get("after", {})
    for stage, values, others in (("before", before, after), ("after", after, before)):
        if values:
            deviations = spread.get(stage, {})
            yield [
                Cell(label),
                Cell(stage),
                *(score_cell(key, values.get(key), others.get(key), deviations.get(key)) for key in metrics),
            ]
    if before and after:
        yield [Cell(label), Cell("gain"), *(gain_cell(key, before.get(key), after.get(key)) for key in metrics)]


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
    return Cell(sign + shown(abs(gain), digits), tone=tone_of(change(key, 0.0, gain)))


def pair_cell(key: str, scores: Mapping[str, Any]) -> Cell:
    """Before and after in one cell, or the one there is."""
    digits = metric_of(key).digits
    before, after = (scores.get(stage, {}).get(key) for stage in ("before", "after"))
    if before is None or after is None:
        return Cell(shown(before if after is None else after, digits))
    gained = change(key, before, after)
    return Cell(shown(after, digits), shown(before, digits), is_best=gained > 0, tone=tone_of(gained))


def change(key: str, before: Number | None, after: Number | None) -> int:
    """1 if the shown value became better, -1 if worse, 0 if neither can be said."""
    metric = metric_of(key)
    if before is None or after is None:
        return 0
    difference = round(after, metric.digits) - round(before, metric.digits)
    return metric.better * ((difference > 0) - (difference < 0))


def tone_of(changed: int) -> str:
    """The tone for a change."""
    return {1: "better", -1: "worse"}.get(changed, "")


def facts_of(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What was measured, with what and on what."""
    for key in ("method", "generator", "mode", "iterations"):
        if report.get(key) is not None:
            yield key, str(report[key])
    yield from (("seeds", " ".join(map(str, report["seeds"]))), ("scorp", report["scorp"]), ("date", report["date"]))
    yield from ((name, str(value)) for name, value in report.get("machine", {}).items())


def views_of(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """How many views serve what in each split, and how they were chosen."""
    for name, split in ordered_splits(report):
        counts = ", ".join(f"{number} {key.replace('_', ' ')}" for key, number in split.get("views", {}).items())
        yield split_label(name), "; ".join(text for text in (counts, split.get("rule", "")) if text)
