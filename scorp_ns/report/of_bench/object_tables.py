"""The tables of a report about single objects, and about what the stages took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scorp_ns.report.kit.facts import Number
from scorp_ns.report.kit.tables import Cell, Table, memory_text, shown, time_text
from scorp_ns.report.of_bench.facts import SETS
from scorp_ns.report.of_bench.tables import (
    ALONE,
    measured_metrics,
    metric_of,
    ordered_splits,
    pair_cell,
    parts_with_average,
    scores_of,
    split_label,
)

Entries = list[tuple[str, str, Mapping[str, Any]]]
"""Object, split and what was measured of it there."""


def object_tables(report: Mapping[str, Any]) -> list[Table]:
    """How each object looks, how near its surface is to the true one, and how well it was placed."""
    entries = _entries(report)
    tables = [
        _failed_table(entries),
        _looks_table(entries),
        _geometry_table(entries),
        _proxy_table(entries),
        _pose_table(entries),
    ]
    return [table for table in tables if table.rows]


def _entries(report: Mapping[str, Any]) -> Entries:
    parts = list(parts_with_average(report))
    names = dict.fromkeys(name for _, part in parts for name in part.get("objects", {}))
    return [
        (name, label, part["objects"][name])
        for name in names
        for label, part in parts
        if name in part.get("objects", {})
    ]


def _failed_table(entries: Entries) -> Table:
    rows = [[Cell(name), Cell(label), Cell(entry["failed"])] for name, label, entry in entries if entry.get("failed")]
    return Table("failed", "", ["object", "missing", "reason"], rows, num_heads=3)


def _looks_table(entries: Entries) -> Table:
    chosen = [
        (name, key)
        for name in (ALONE, *SETS)
        for key in measured_metrics(scores_of(entry, name) for _, _, entry in entries)
        if name == ALONE or key in ("psnr", "miou")
    ]
    lifted = _measured(entries, "lift")
    columns = [
        *(f"{'' if name == ALONE else name + ' '}{metric_of(key).heading}" for name, key in chosen),
        *(metric_of(key).heading for key in lifted),
    ]
    rows = [
        [
            Cell(name),
            Cell(label),
            *(pair_cell(key, scores_of(entry, view_set)) for view_set, key in chosen),
            *(Cell(shown(entry.get("lift", {}).get(key), metric_of(key).digits)) for key in lifted),
        ]
        for name, label, entry in entries
        if set(entry) - {"failed", "geometry", "proxy", "pose"}
    ]
    note = "Each object by the definition of alone, unless the column says which views."
    return Table("looks", note, ["object", "missing", *columns], rows, num_heads=2)


def _geometry_table(entries: Entries) -> Table:
    metrics = measured_metrics(entry.get("geometry", {}) for _, _, entry in entries)
    rows = [
        [Cell(name), Cell(label), *(pair_cell(key, entry["geometry"]) for key in metrics)]
        for name, label, entry in entries
        if metrics and entry.get("geometry")
    ]
    columns = ["object", "missing", *(metric_of(key).heading for key in metrics)]
    return Table("geometry", "Each surface against the true one.", columns, rows, num_heads=2)


def _proxy_table(entries: Entries) -> Table:
    facts = list(dict.fromkeys(fact for _, _, entry in entries for fact in entry.get("proxy", {}).get("evidence", {})))
    rows = [
        [
            Cell(name),
            Cell(label),
            Cell(time_text(entry["proxy"].get("seconds"))),
            *(Cell(shown(entry["proxy"].get("evidence", {}).get(fact), 3)) for fact in facts),
        ]
        for name, label, entry in entries
        if entry.get("proxy")
    ]
    columns = ["object", "missing", "time", *facts]
    return Table(
        "proxies", "How long each took to make, and what its generator says of it.", columns, rows, num_heads=2
    )


def _pose_table(entries: Entries) -> Table:
    metrics = _measured(entries, "pose")
    rows = [
        [Cell(name), Cell(label), *(Cell(shown(entry["pose"].get(key), metric_of(key).digits)) for key in metrics)]
        for name, label, entry in entries
        if metrics and entry.get("pose")
    ]
    columns = ["object", "missing", *(metric_of(key).heading for key in metrics)]
    return Table("pose", "Errors of placing, modulo declared symmetries.", columns, rows, num_heads=2)


def _measured(entries: Entries, part: str) -> list[str]:
    """The keys with a number anywhere in this part of the objects."""
    return list(
        dict.fromkeys(key for _, _, entry in entries for key, value in entry.get(part, {}).items() if value is not None)
    )


def stage_table(report: Mapping[str, Any]) -> Table:
    """Times of the stages in every split, their mean, and the most memory each took."""
    splits = ordered_splits(report)
    overall = report.get("stages", {})
    stages = list(dict.fromkeys([stage for _, split in splits for stage in split.get("stages", {})] + list(overall)))
    timed = [(split_label(name), split.get("stages", {})) for name, split in splits]
    timed += [("mean", overall)] if len(splits) > 1 else []
    longest = max([_seconds(times, stage) or 0 for _, times in timed for stage in stages], default=0)
    memory = overall or (timed[0][1] if timed else {})
    rows = [
        [
            Cell(stage),
            *(_time_cell(_seconds(times, stage), longest) for _, times in timed),
            Cell(memory_text(memory.get(stage, {}).get("peak_mb"))),
        ]
        for stage in stages
    ]
    if len(stages) > 1:
        sums = (sum(_seconds(times, stage) or 0 for stage in stages) for _, times in timed)
        rows.append([Cell("all"), *(Cell(time_text(total)) for total in sums), Cell("")])
    columns = ["stage", *(label for label, _ in timed), "peak memory"]
    return Table("", "Time of each stage by missing share, and the most memory in use.", columns, rows, 1)


def _seconds(times: Mapping[str, Any], stage: str) -> Number | None:
    return times.get(stage, {}).get("seconds")


def _time_cell(seconds: Number | None, longest: Number) -> Cell:
    return Cell(time_text(seconds), share=None if seconds is None or not longest else seconds / longest)
