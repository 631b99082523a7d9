"""How much better are objects after completing them, over several captures? The table of docs/results.md, from benches.

scorp bench --data captures/kitchen --output bench/kitchen --generator asset symmetry --assets captures/kitchen/proxies
python benchmarks/results_table.py bench/kitchen bench/desk bench/tabletop
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

SETS = {"alone": None, "back": "back", "in arc": "in_arc", "training": "training"}
"""Sets of views, and where a split of a report has their scores."""

METRICS = {"psnr": "{:+.2f} dB", "miou": "{:+.3f}"}


def main() -> None:
    """Print a row for each generator and mode and each share: means over captures, spread over seeds, worst object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benches", type=Path, nargs="+", help="folders that scorp bench wrote, one per capture")
    reports = [
        json.loads(path.read_text())
        for bench in parser.parse_args().benches
        for path in sorted([bench / "report.json", *bench.glob("*/report.json")])
    ]
    ways = sorted({(report["generator"], report["mode"]) for report in reports})
    print("| generator, mode | withheld | captures | before | " + " | ".join(SETS) + " | spread | worst object |")
    print("|---|---|---|---|" + "---|" * (len(SETS) + 2))
    for way in ways:
        same = [report for report in reports if (report["generator"], report["mode"]) == way]
        for share in sorted({share for report in same for share in report["splits"]}):
            splits = [report["splits"][share] for report in same if share in report["splits"]]
            cells = [", ".join(way), share.removeprefix("missing_").replace("_", "/"), str(len(splits))]
            print("| " + " | ".join([*cells, _before(splits), *_gains(splits), _spread(splits), _worst(splits)]) + " |")


def _before(splits: Sequence[dict]) -> str:
    return ", ".join(
        form.replace("+", "").format(fmean(split["before"][metric] for split in splits))
        for metric, form in METRICS.items()
    )


def _gains(splits: Sequence[dict]) -> Iterator[str]:
    for key in SETS.values():
        parts = [split if key is None else split[key] for split in splits]
        gains = {name: [part["after"][name] - part["before"][name] for part in parts] for name in METRICS}
        yield ", ".join(form.format(fmean(gains[name])) for name, form in METRICS.items())


def _spread(splits: Sequence[dict]) -> str:
    """The standard deviation over seeds of the objects alone, after completing them, as a mean over captures."""
    spreads = [split["spread"]["after"]["psnr"] for split in splits if "spread" in split]
    return f"±{fmean(spreads):.2f} dB" if spreads else "one seed"


def _worst(splits: Sequence[dict]) -> str:
    """The object that gained the least."""
    gains = [
        (entry["after"]["psnr"] - entry["before"]["psnr"], name)
        for split in splits
        for name, entry in split["objects"].items()
        if entry.get("after")
    ]
    gain, name = min(gains)
    return f"{name} {gain:+.2f} dB"


if __name__ == "__main__":
    main()
