"""Runs that are killed at a chosen moment, and whether two runs ended alike."""

from __future__ import annotations

import signal
from inspect import cleandoc
from pathlib import Path
from typing import Any

import torch
from tools import run_folder
from warm_processes import run_warm

DEATH = """
import os, signal
from scorp_ns.host import checkpoint
def die(): os.kill(os.getpid(), signal.SIGKILL)
"""

ALL_STAGES = ("scene", "lift", "propose", "compose")
"""The stages that cost time in a run in which all happens."""


def killed_run(kill: str, output: Path, *arguments: str | Path) -> Path:
    """Train until the lines of `kill` end it; the folder of its checkpoints."""
    code, printed = run_warm("ns-train", *arguments, program=DEATH + cleandoc(kill))
    assert code == -signal.SIGKILL, printed
    return run_folder(output) / "nerfstudio_models"


def last_checkpoint(output: Path, stages: tuple[str, ...] = ALL_STAGES) -> dict[str, Any]:
    """What a run in which these stages took place has stored last, without what differs from run to run."""
    (path,) = (run_folder(output) / "nerfstudio_models").iterdir()
    state = torch.load(path, weights_only=True)
    # The console draws from Python's global generator for the links it prints; nothing that trains uses it.
    del state["scorp"]["random"]["python"]
    assert all(state["scorp"]["costs"][stage]["seconds"] > 0 for stage in stages)
    state["scorp"]["costs"], state["scorp"]["object_costs"] = {}, {}
    for facts in state["pipeline"]["_model.scene_proxies._extra_state"]["facts"].values():
        assert facts["seconds"] > 0
        facts["seconds"] = 0.0
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
