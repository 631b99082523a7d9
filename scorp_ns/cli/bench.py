"""`scorp bench`: how good are objects from where no photograph looked?"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from scorp_ns.errors import ScorpError


@dataclass
class Bench:
    """Withhold a share of the circle around the objects, train on the rest, and measure the withheld views."""

    data: Path
    """The capture, in nerfstudio's format, with object masks for all frames that are to count."""
    output: Path
    """Folder for report.html, report.md and report.json, the pictures and the runs."""
    missing: tuple[str, ...] = ("2/3", "4/5", "6/7")
    """Shares of the circle that are withheld."""
    method: Literal["scorp", "scorp-quick"] = "scorp-quick"
    """The method to train with."""
    iterations: int | None = None
    """Length of each training run; the method's own where not given."""
    stop_after: str = "compose"
    """The last stage to run and measure: `scene`, or one of scorp's stages, such as `lift` or `propose`."""
    generator: tuple[str, ...] = ("symmetry",)
    """Generators of the proxies: `symmetry`, `asset`, `command`, `http`, or names of installed plugins.

    Several are compared, each going on from the same trained scene."""
    mode: tuple[Literal["blend", "replace", "keep"], ...] = ("blend",)
    """Modes of composing objects with their proxies; several are compared, likewise."""
    assets: Path | None = None
    """Folder of the objects' files, for the generator `asset`."""
    settings: dict[str, str] = field(default_factory=dict)
    """Further settings of the one generator, such as `template "python run.py {job} {result}"` of `command`."""
    objects: tuple[str, ...] = ()
    """Names of the objects to measure; all where none is given."""
    seeds: int = 1
    """Runs per share, of which the report gives mean and spread."""

    compare_with: tuple[Path, ...] = ()
    """Files report.json of other benches; comparison.html shows them beside this one."""

    def main(self) -> int:
        """Run the bench, or go on with an interrupted one; 0 as exit code."""
        from nerfstudio.utils.rich_utils import CONSOLE
        from rich.markdown import Markdown

        from scorp_ns.bench.plan import BenchPlan, parse_share
        from scorp_ns.bench.running import run_bench

        if self.seeds < 1:
            raise ScorpError(f"--seeds is {self.seeds}.", "At least one run per share is needed.", "Correct it.")
        if self.iterations is not None and self.iterations < 1:
            raise ScorpError(f"--iterations is {self.iterations}.", "At least one is needed.", "Correct it.")
        if not self.generator or not self.mode:
            raise ScorpError("--generator or --mode is empty.", "Both take one name or more.", "Give one.")
        if self.settings and len(self.generator) > 1:
            raise ScorpError(
                f"--settings are given for {len(self.generator)} generators.",
                "Settings belong to one.",
                "Run a bench for each, and show them beside each other with --compare-with.",
            )
        plan = BenchPlan(
            data=self.data,
            output=self.output,
            missing=tuple(parse_share(text) for text in self.missing),
            seeds=tuple(range(self.seeds)),
            method=self.method,
            iterations=self.iterations,
            objects=self.objects,
            stop_after=self.stop_after,
            generators=tuple(dict.fromkeys(self.generator)),
            modes=tuple(dict.fromkeys(self.mode)),
            assets=self.assets,
            settings=self.settings,
            compare_with=self.compare_with,
        )
        folder = run_bench(plan, lambda text: CONSOLE.print(text, markup=False, highlight=False))
        for page in ("report.md", "comparison.md") if len(plan.refinements) > 1 else ("report.md",):
            CONSOLE.print(Markdown((folder / page).read_text(encoding="utf-8")))
        CONSOLE.print(f"To look at it, open {folder / 'report.html'}", markup=False)
        return 0
