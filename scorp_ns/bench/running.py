"""A whole bench: every split and seed trained and measured once, and a report of all."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

from scorp_ns import __version__
from scorp_ns.bench.beforehand import check_masks, check_output
from scorp_ns.bench.captures import BenchCapture, fingerprint_of_files, read_bench_capture, write_split_capture
from scorp_ns.bench.measuring import load_run, measure, stage_costs
from scorp_ns.bench.plan import BenchPlan, Refinement
from scorp_ns.bench.training import num_iterations, train
from scorp_ns.errors import OutputError
from scorp_ns.evaluate.learned import absent_metrics
from scorp_ns.evaluate.missing_views import MissingSplit, split_name
from scorp_ns.evaluate.object_scores import DEFINITIONS
from scorp_ns.json_files import write_json
from scorp_ns.report.of_bench.facts import FORMAT
from scorp_ns.report.of_bench.page import write_comparison
from scorp_ns.report.of_bench.writing import average_of, average_stages, mean_and_spread, read_report, write_report

Say = Callable[[str], None]
"""Tells people how far the bench has come."""


def run_bench(plan: BenchPlan, say: Say) -> Path:
    """Run what is not done yet, and write the reports; their folder.

    Of several ways to go on from the scene the first has its report in the folder itself, the others in folders of
    their own below it, and a comparison shows them all.
    """
    others = [read_report(path) for path in plan.compare_with]
    capture = read_bench_capture(plan.data)
    check_output(plan, capture)
    check_masks(plan, capture)
    reports = []
    for way in plan.refinements:
        folder = plan.output if way == plan.refinements[0] else plan.output / way.label
        reports.append(_report(plan, way, capture, folder, say))
        write_report(reports[-1], folder)
    if len([*others, *reports]) > 1:
        write_comparison([*others, *reports], plan.output)
    return plan.output


def _report(plan: BenchPlan, way: Refinement, capture: BenchCapture, folder: Path, say: Say) -> dict[str, Any]:
    """The report of one way to go on, which lies in the folder."""
    splits = {
        split_name(missing): mean_and_spread(
            [_result(plan, way, capture, capture.split(missing, seed), seed, folder, say) for seed in plan.seeds]
        )
        for missing in plan.missing
    }
    return {
        "format": FORMAT,
        "scorp": __version__,
        "date": date.today().isoformat(),
        "capture": capture.folder.absolute().name,
        "method": plan.method,
        **({"generator": way.generator} if plan.proposes else {}),
        **({"mode": way.mode} if plan.composes else {}),
        "iterations": num_iterations(plan),
        "seeds": list(plan.seeds),
        "machine": {"cores": os.cpu_count(), "system": platform.platform()},
        "definitions": DEFINITIONS,
        "absent": absent_metrics(),
        "splits": splits,
        "average": average_of(splits),
        "stages": average_stages(splits),
    }


def _result(
    plan: BenchPlan,
    way: Refinement,
    capture: BenchCapture,
    split: MissingSplit,
    seed: int,
    report_folder: Path,
    say: Say,
) -> dict[str, Any]:
    """One split's figures with one seed, read back where they were measured before."""
    origin, folder = (
        place / "work" / f"{split.name}_seed_{seed}_{_fingerprint(plan, one, capture, split)}"
        for place, one in ((plan.output, plan.refinements[0]), (report_folder, way))
    )
    measured = folder / f"objects_{_digest(plan.objects)}"
    path = measured / "result.json"
    title = f"{split.name}, seed {seed}"
    if plan.proposes:
        title += f", {way.generator}, {way.mode}"
    if path.is_file():
        say(f"{title}: measured before")
        return json.loads(path.read_text(encoding="utf-8"))
    try:
        data = write_split_capture(capture, split, folder / "capture", plan.output)
    except OSError as error:
        raise OutputError(
            f"The bench cannot write to {folder} ({error.strerror or error}).",
            "Runs and results go there.",
            "Choose another place with --output, or free some space.",
        ) from error
    say(f"{title}: training on {len(split.train)} views, with its log in {folder / 'train.log'}")
    config = train(plan, way, data, seed, folder, origin)
    say(f"{title}: measuring {len(split.withheld)} withheld views")
    run = load_run(config, plan, way)
    if not run.labels:
        say("No object masks, or no objects lifted: only whole images are measured.")
    result = measure(run, capture, split, measured / "pictures", report_folder) | {"stages": stage_costs(config)}
    write_json(path, result)
    return result


def _fingerprint(plan: BenchPlan, way: Refinement, capture: BenchCapture, split: MissingSplit) -> str:
    """A digest of all that a training run depends on: a bench with other settings or files has runs of its own."""
    settings = [str(capture.capture.path.absolute()), plan.method, plan.iterations, plan.stop_after, __version__]
    if plan.proposes:
        assets = None if plan.assets is None else fingerprint_of_files(plan.assets, plan.output)
        settings += [way.generator, str(plan.assets), assets, dict(plan.settings), _files_named(plan.settings.values())]
    if plan.composes:
        settings += [way.mode]
    files = fingerprint_of_files(capture.folder, plan.output)
    return _digest([*settings, split.train, split.in_arc, split.withheld, files])


def _files_named(values: Iterable[str]) -> list[tuple[str, int, int]]:
    """The files that words of settings name, such as the script in a command: each with its size and time."""
    words = [word for value in values for word in value.split()]
    found = [(word, os.stat(word)) for word in words if os.path.isfile(word)]
    return [(word, status.st_size, status.st_mtime_ns) for word, status in found]


def _digest(settings: Any) -> str:
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:8]
