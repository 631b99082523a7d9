"""Reports of a bench: put together from results, written, and read.

`BenchReport` says what is in one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from scorp_ns.errors import ScorpError
from scorp_ns.json_files import json_text, read_json
from scorp_ns.report.kit.facts import Number, plain_json
from scorp_ns.report.kit.writing import write_text
from scorp_ns.report.of_bench.facts import NUMBERS, check_report
from scorp_ns.report.of_bench.markdown import report_markdown
from scorp_ns.report.of_bench.page import report_html

HIGHEST = ("peak_mb", "peak_gpu_mb")
"""Of these the highest counts, not the mean."""

Reduce = Callable[[str, list[Number]], Number | None]
"""Makes one number, or none, of those that several results have under a key."""


def mean_and_spread(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One split's result from those of several seeds: means, and under `spread` the standard deviations.

    A number that some seeds lack is the mean over those that have it. What is no measurement is the first seed's.
    """
    measured = [_numbers(result) for result in results]
    merged = {**results[0], **_merged(measured, _mean)}
    objects = merged.get("objects", {})
    for name in dict.fromkeys(name for result in results for name in result.get("objects", {})):
        reasons = [result.get("objects", {}).get(name, {}).get("failed") for result in results]
        objects[name] = objects.get(name, {}) | ({"failed": _reason(reasons)} if any(reasons) else {})
    merged |= {"objects": objects} if objects else {}
    without_times = [{key: value for key, value in result.items() if key != "stages"} for result in measured]
    spread = _merged(without_times, lambda _, values: stdev(map(float, values)) if len(values) > 1 else None)
    return merged | ({"spread": spread} if spread else {})


def average_of(splits: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The means over splits of all numbers that every split has: others would be means over the easy ones."""
    number = len(splits)
    return _merged(
        [_numbers(split) for split in splits.values()],
        lambda key, values: _mean(key, values) if len(values) == number else None,
    )


def average_stages(splits: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Each stage's mean time, and the most memory it took, over the splits that have it."""
    return _merged([split.get("stages", {}) for split in splits.values()], _mean)


def write_report(report: Mapping[str, Any], folder: Path) -> Path:
    """Write report.json, report.md and report.html; the path of the last. Numbers that are not finite become null."""
    plain = plain_json(report)
    check_report(plain)
    write_text(folder / "report.json", json_text(plain))
    write_text(folder / "report.md", report_markdown(plain))
    return write_text(folder / "report.html", report_html(plain, folder))


def read_report(path: Path) -> dict[str, Any]:
    """The report in a report.json, checked. Keys that a later version of scorp has added are let through."""
    needed = "A report.json that scorp bench has written is needed."
    report = read_json(path, ScorpError, needed, "Check the path, or run the bench again.")
    check_report(report, only_known_keys=False)
    return report


def _numbers(split: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in split.items() if key in NUMBERS}


def _merged(results: Sequence[Mapping[str, Any]], reduce: Reduce) -> dict[str, Any]:
    """The results as one: numbers reduced to one, or left out for None; parts without numbers are left out."""
    merged: dict[str, Any] = {}
    for key in dict.fromkeys(key for result in results for key in result):
        values = [result[key] for result in results if key in result]
        parts = [value for value in values if isinstance(value, Mapping)]
        numbers = [plain_json(value) for value in values if _is_number(value)]
        value = _merged(parts, reduce) if parts else reduce(key, numbers) if numbers else None
        if value is not None and value != {}:
            merged[key] = value
    return merged


def _mean(key: str, values: list[Number]) -> Number:
    if len(set(values)) == 1:
        return values[0]
    return max(values) if key in HIGHEST else fmean(values)


def _reason(reasons: list[str | None]) -> str:
    """Why there is no result, and from how many seeds where others have one."""
    known = [reason for reason in reasons if reason]
    return known[0] if len(known) == len(reasons) else f"with {len(known)} of {len(reasons)} seeds: {known[0]}"


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
