"""Training runs of a bench: `ns-train` itself, in a process of its own, resumed where it was interrupted."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from scorp_ns.bench.plan import BenchPlan, Refinement
from scorp_ns.config import scorp, scorp_quick
from scorp_ns.errors import OutputError
from scorp_ns.host.checkpoint import checkpoint_path
from scorp_ns.model import ScorpModelConfig
from scorp_ns.plugins.generators import BUILT_IN

METHODS = {"scorp": scorp.config, "scorp-quick": scorp_quick.config}

GENERATOR = "--pipeline.model.generator"
"""The beginning of options about generators."""

NEVER = "2"
"""A moment of the schedule that no run reaches."""

SHOWN_LINES = 15
"""Lines of a failed run's log that are shown."""


def num_iterations(plan: BenchPlan) -> int:
    """The length of each training run."""
    return plan.iterations or METHODS[plan.method].max_num_iterations


def train(plan: BenchPlan, way: Refinement, capture: Path, seed: int, folder: Path, origin: Path) -> Path:
    """Train on the capture, and go on with an interrupted run if there is one; the run's config.yml.

    The run in the folder `origin`, if it is another one, has trained the scene: it is taken over from there, as long
    as it was not removed.
    """
    run, fork = _run_folder(plan, folder), _fork(plan)
    checkpoints = run / "nerfstudio_models"
    if origin != folder:
        _take_over(_run_folder(plan, origin) / "nerfstudio_models", checkpoints, fork)
    arguments = [
        plan.method,
        *("--data", capture, "--output-dir", folder, "--experiment-name", "run", "--timestamp", "bench"),
        *("--vis", "tensorboard", "--machine.seed", seed, "--viewer.quit-on-train-completion", "True"),
    ]
    if plan.iterations is not None:
        arguments += ["--max-num-iterations", plan.iterations]
    if fork > 0:
        arguments += ["--steps-per-save", fork, "--save-only-latest-checkpoint", "False"]
    arguments += _options_of_stages(plan, way)
    if any(checkpoints.glob("step-*.ckpt")):
        arguments += ["--load-dir", checkpoints]
    _run([sys.executable, "-m", "nerfstudio.scripts.train", *arguments], folder / "train.log")
    return run / "config.yml"


def _run_folder(plan: BenchPlan, folder: Path) -> Path:
    return folder / "run" / plan.method / "bench"


def _fork(plan: BenchPlan) -> int:
    """The last step at which all ways to go on have the same scene."""
    model = METHODS[plan.method].pipeline.model
    assert isinstance(model, ScorpModelConfig)
    return round(model.schedule.lift_at * num_iterations(plan)) - 1


def _take_over(source: Path, target: Path, fork: int) -> None:
    """Begin with the scene of another run, unless that is not there any more or this one has begun."""
    if checkpoint_path(source, fork).is_file() and not any(target.glob("step-*.ckpt")):
        target.mkdir(parents=True, exist_ok=True)
        unfinished = target / "unfinished"
        shutil.copyfile(checkpoint_path(source, fork), unfinished)
        unfinished.rename(checkpoint_path(target, fork))


def _options_of_stages(plan: BenchPlan, way: Refinement) -> list[object]:
    """The options of the stages after the scene's training."""
    options: list[object] = []
    for moment in plan.left_out:
        options += [f"--pipeline.model.schedule.{moment}-at", NEVER]
    if not plan.proposes:
        return options
    options += [f"{GENERATOR}.name", way.generator]
    if plan.composes:
        options += ["--pipeline.model.compose.mode", way.mode]
    if plan.assets is not None:
        options += [f"{GENERATOR}.asset.folder", plan.assets.absolute()]
    if way.generator in BUILT_IN:
        return options + [
            part for name, value in plan.settings.items() for part in (f"{GENERATOR}.{way.generator}.{name}", value)
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
