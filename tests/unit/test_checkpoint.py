"""Checkpoints are whole or absent, and random generators go on where they stood."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from scorp_ns.errors import CheckpointError
from scorp_ns.host import checkpoint
from scorp_ns.host.checkpoint import (
    checkpoint_path,
    find_checkpoint,
    random_state,
    read_checkpoint,
    restore_random_state,
    write_checkpoint,
)

STATE = {"step": 7, "scorp": {}, "lr": np.float64(0.5), "nested": [{"x": (np.int64(3), torch.ones(2))}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "nerfstudio_models"


def test_numpy_scalars_come_back_as_plain_numbers(folder: Path):
    write_checkpoint(STATE, checkpoint_path(folder, 7))
    state = read_checkpoint(find_checkpoint(folder, None))
    assert type(state["lr"]) is float and type(state["nested"][0]["x"][0]) is int


def test_a_failed_write_leaves_the_earlier_checkpoint_and_no_debris(folder: Path, monkeypatch):
    path = checkpoint_path(folder, 7)
    write_checkpoint(STATE, path)
    before = path.read_bytes()

    def fill_the_disk(state, file):
        file.write(b"half a checkpoint")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", fill_the_disk)
    with pytest.raises(CheckpointError, match="No space left"):
        write_checkpoint(STATE, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in folder.parent.rglob("*") if entry.is_file()] == [path.name]


def test_the_latest_checkpoint_is_found_from_the_run_folder_too(folder: Path):
    for step in (5, 20, 100):
        write_checkpoint(STATE, checkpoint_path(folder, step))
    assert find_checkpoint(folder, None).name == "step-000000100.ckpt"
    assert find_checkpoint(folder.parent, 20).name == "step-000000020.ckpt"


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None], ids=["empty", "text", "cut in half"])
def test_a_damaged_checkpoint_is_refused(folder: Path, content: bytes | None):
    path = checkpoint_path(folder, 7)
    write_checkpoint(STATE, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if content is None else content)
    with pytest.raises(CheckpointError, match="damaged or cut short"):
        read_checkpoint(path)


def test_a_checkpoint_of_another_method_is_refused(folder: Path):
    folder.mkdir()
    torch.save({"step": 1, "pipeline": {}}, checkpoint_path(folder, 1))
    with pytest.raises(CheckpointError, match="not written by"):
        read_checkpoint(checkpoint_path(folder, 1))


def test_random_numbers_go_on_after_a_round_trip_through_a_file(tmp_path: Path):
    def draw():
        return random.random(), np.random.rand(), torch.rand(1).item()

    draw()
    torch.save(random_state(), tmp_path / "state")
    expected = draw()
    draw()
    restore_random_state(torch.load(tmp_path / "state", weights_only=True))
    assert draw() == expected
