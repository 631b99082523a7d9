"""Runs nerfstudio's own commands, as a user does, in this process or in one of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from unittest import mock

COARSE_PROXIES = (
    *("--pipeline.model.proxy.num-samples", "5000", "--pipeline.model.proxy.base-spacing", "0.04"),
    *("--pipeline.model.proxy.gaussians-per-area", "2000", "--pipeline.model.generator.symmetry.cells", "24"),
)
"""Options for proxies that are made in a moment."""


def run_here(command: str, *arguments: str | Path) -> None:
    """Run a console script's entry point in this process: the same code without ten seconds of imports."""
    (script,) = entry_points(group="console_scripts", name=command)
    with mock.patch.object(sys, "argv", [command, *map(str, arguments)]):
        script.load()()


def start(command: str, *arguments: str | Path, **environment: str) -> subprocess.Popen:
    """Start a console script in a process of its own."""
    return subprocess.Popen(
        [Path(sys.executable).with_name(command), *map(str, arguments)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(command: str, *arguments: str | Path, **environment: str) -> tuple[int, str]:
    """Run a console script in a process of its own: its exit code and all it printed."""
    process = start(command, *arguments, **environment)
    output, _ = process.communicate(timeout=300)
    return process.returncode, output


def train_arguments(data: Path, output: Path, *extra: str | Path, method: str = "scorp-quick") -> list[str | Path]:
    """Arguments of `ns-train` for a run that ends by itself at `output/run/<method>/test`, without proxies."""
    return [
        method,
        *("--data", data),
        *("--output-dir", output, "--experiment-name", "run", "--timestamp", "test"),
        *("--vis", "tensorboard", "--pipeline.model.schedule.propose-at", "2"),
        *extra,
    ]


def run_folder(output: Path, method: str = "scorp-quick") -> Path:
    """Where `train_arguments` lets a run write."""
    return output / "run" / method / "test"
