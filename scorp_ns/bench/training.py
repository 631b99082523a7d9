"""Training runs of a bench: `ns-train` itself, in a process of its own, resumed where it was interrupted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scorp_ns.bench.plan import BenchPlan
from scorp_ns.errors import OutputError
from scorp_ns.generator_choice import BUILT_IN

GENERATOR = "--pipeline.model.generator"
"""How options about generators begin."""

NEVER = "2"
"""A moment of the schedule that no run reaches."""

SHOWN_LINES = 15
"""Lines of a failed run's log that are shown."""


def train(plan: BenchPlan, capture: Path, seed: int, folder: Path) -> Path:
    """Train on the capture, and go on with an interrupted run if there is one; the run's config.yml."""
    run = folder / "run" / plan.method / "bench"
    arguments = [
        plan.method,
        *("--data", capture, "--output-dir", folder, "--experiment-name", "run", "--timestamp", "bench"),
        *("--vis", "tensorboard", "--machine.seed", seed, "--viewer.quit-on-train-completion", "True"),
    ]
    if plan.iterations is not None:
        arguments += ["--max-num-iterations", plan.iterations]
    arguments += _options_of_stages(plan)
    if any((run / "nerfstudio_models").glob("step-*.ckpt")):
        arguments += ["--load-dir", run / "nerfstudio_models"]
    _run([sys.executable, "-m", "nerfstudio.scripts.train", *arguments], folder / "train.log")
    return run / "config.yml"


def _options_of_stages(plan: BenchPlan) -> list[object]:
    """What the plan says of the stages after the scene's training."""
    if not plan.lifts:
        return ["--pipeline.model.schedule.lift-at", NEVER]
    if not plan.proposes:
        return ["--pipeline.model.schedule.propose-at", NEVER]
    options: list[object] = [f"{GENERATOR}.name", plan.generator]
    if not plan.places:
        options += ["--pipeline.model.schedule.place-at", NEVER]
    if plan.composes:
        options += ["--pipeline.model.compose.mode", plan.mode]
    else:
        options += ["--pipeline.model.schedule.compose-at", NEVER]
    if plan.assets is not None:
        options += [f"{GENERATOR}.asset.folder", plan.assets.absolute()]
    if plan.generator in BUILT_IN:
        return options + [
            part for name, value in plan.settings.items() for part in (f"{GENERATOR}.{plan.generator}.{name}", value)
        ]
    pairs = [part for pair in plan.settings.items() for part in pair]
    return [*options, f"{GENERATOR}.options", *pairs] if pairs else options


def _run(command: list[object], log: Path) -> None:
    """Run a command with its output in a file, whose end is shown if it fails."""
    with log.open("ab") as file:
        finished = subprocess.run([str(part) for part in command], stdout=file, stderr=subprocess.STDOUT, check=False)
    if finished.returncode != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        raise OutputError(
            f"Training failed with exit code {finished.returncode}. The end of {log}:\n"
            + "\n".join(lines[-SHOWN_LINES:]),
            "Each share needs a finished training run.",
            "Mend what it says, and start the bench again: it goes on where it stopped.",
        )
