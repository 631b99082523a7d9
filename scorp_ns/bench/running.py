"""A whole bench: every split and seed trained and measured once, and a report of all."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from scorp_ns import __version__
from scorp_ns.bench.captures import BenchCapture, fingerprint_of_files, read_bench_capture, write_split_capture
from scorp_ns.bench.measuring import load_run, measure, stage_costs
from scorp_ns.bench.plan import BenchPlan
from scorp_ns.bench.training import train
from scorp_ns.config import scorp, scorp_quick
from scorp_ns.errors import OutputError
from scorp_ns.evaluate.learned import absent_metrics
from scorp_ns.evaluate.missing_views import MissingSplit, split_name
from scorp_ns.evaluate.object_scores import DEFINITIONS
from scorp_ns.evaluate.report import average_of, average_stages, mean_and_spread, read_report, write_report
from scorp_ns.evaluate.report_comparison import write_comparison
from scorp_ns.evaluate.report_schema import FORMAT
from scorp_ns.json_files import write_json

METHODS = {"scorp": scorp, "scorp-quick": scorp_quick}

Say = Callable[[str], None]
"""Tells people how far the bench has come."""


def run_bench(plan: BenchPlan, say: Say) -> Path:
    """Run what is not done yet, and write the report; its folder."""
    others = [read_report(path) for path in plan.compare_with]
    capture = read_bench_capture(plan.data)
    splits = {
        split_name(missing): mean_and_spread(
            [_result(plan, capture, capture.split(missing, seed), seed, say) for seed in plan.seeds]
        )
        for missing in plan.missing
    }
    report = {
        "format": FORMAT,
        "scorp": __version__,
        "date": date.today().isoformat(),
        "capture": capture.folder.absolute().name,
        "method": plan.method,
        **({"generator": plan.generator} if plan.proposes else {}),
        **({"mode": plan.mode} if plan.composes else {}),
        "iterations": plan.iterations or METHODS[plan.method].config.max_num_iterations,
        "seeds": list(plan.seeds),
        "machine": {"cores": os.cpu_count(), "system": platform.platform()},
        "definitions": DEFINITIONS,
        "absent": absent_metrics(),
        "splits": splits,
        "average": average_of(splits),
        "stages": average_stages(splits),
    }
    write_report(report, plan.output)
    if others:
        write_comparison([*others, report], plan.output)
    return plan.output


def _result(plan: BenchPlan, capture: BenchCapture, split: MissingSplit, seed: int, say: Say) -> dict[str, Any]:
    """One split's figures with one seed, read back where they were measured before."""
    folder = plan.output / "work" / f"{split.name}_seed_{seed}_{_fingerprint(plan, capture, split)}"
    measured = folder / f"objects_{_digest(plan.objects)}"
    path = measured / "result.json"
    if path.is_file():
        say(f"{split.name}, seed {seed}: measured before")
        return json.loads(path.read_text(encoding="utf-8"))
    try:
        data = write_split_capture(capture, split, folder / "capture")
    except OSError as error:
        raise OutputError(
            f"The bench cannot write to {folder} ({error.strerror or error}).",
            "Runs and results go there.",
            "Choose another place with --output, or free some space.",
        ) from error
    say(f"{split.name}, seed {seed}: training on {len(split.train)} views, with its log in {folder / 'train.log'}")
    config = train(plan, data, seed, folder)
    say(f"{split.name}, seed {seed}: measuring {len(split.withheld)} withheld views")
    run = load_run(config, plan)
    if not run.labels:
        say("No object masks, or no objects lifted: only whole images are measured.")
    result = measure(run, capture, split, measured / "pictures", plan.output) | {"stages": stage_costs(config)}
    write_json(path, result)
    return result


def _fingerprint(plan: BenchPlan, capture: BenchCapture, split: MissingSplit) -> str:
    """What a training run depends on, so that a bench with other settings or files does not take it for its own."""
    settings = [str(capture.capture.path.absolute()), plan.method, plan.iterations, plan.stop_after, __version__]
    if plan.proposes:
        assets = None if plan.assets is None else fingerprint_of_files(plan.assets)
        settings += [plan.generator, str(plan.assets), assets, dict(plan.settings)]
    if plan.composes:
        settings += [plan.mode]
    return _digest([*settings, split.train, split.in_arc, split.withheld, fingerprint_of_files(capture.folder)])


def _digest(settings: Any) -> str:
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:8]
