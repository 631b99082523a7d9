"""Training runs of a bench: `ns-train` itself, in a process of its own, resumed where it was interrupted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scorp_ns.bench.plan import BenchPlan
from scorp_ns.errors import OutputError

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
    if not plan.lifts:
        arguments += ["--pipeline.model.schedule.lift-at", NEVER]
    if any((run / "nerfstudio_models").glob("step-*.ckpt")):
        arguments += ["--load-dir", run / "nerfstudio_models"]
    _run([sys.executable, "-m", "nerfstudio.scripts.train", *arguments], folder / "train.log")
    return run / "config.yml"


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
