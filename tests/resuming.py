"""Runs that are killed at a chosen moment, and whether two runs ended alike."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from tools import run_folder

PROGRAM = """
import inspect, os, signal, sys
from scorp_ns import checkpoint
def die(): os.kill(os.getpid(), signal.SIGKILL)
exec(inspect.cleandoc(sys.argv.pop(1)))
from nerfstudio.scripts.train import entrypoint
entrypoint()
"""


def killed_run(kill: str, output: Path, *arguments: str | Path) -> Path:
    """Train until the lines of `kill` end it; the folder of its checkpoints."""
    killed = subprocess.run(
        [sys.executable, "-c", PROGRAM, kill, *map(str, arguments)], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    return run_folder(output) / "nerfstudio_models"


def last_checkpoint(output: Path) -> dict[str, Any]:
    (path,) = (run_folder(output) / "nerfstudio_models").iterdir()
    state = torch.load(path, weights_only=True)
    # The console draws from Python's global generator for the links it prints; nothing that trains uses it.
    del state["scorp"]["random"]["python"]
    assert all(state["scorp"]["costs"][stage]["seconds"] > 0 for stage in ("scene", "lift", "propose", "compose"))
    state["scorp"]["costs"], state["scorp"]["object_costs"] = {}, {}
    for facts in state["pipeline"]["_model.scene_proxies._extra_state"]["facts"].values():
        assert facts.pop("seconds") > 0
    return state


def assert_identical(one: Any, other: Any, where: str = "checkpoint") -> None:
    assert type(one) is type(other), where
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_identical(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_identical(left, right, f"{where}[{index}]")
    else:
        assert one == other, where
