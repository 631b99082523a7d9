"""Checkpoints that are whole or absent, and hold all that decides how a run goes on."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import ParameterDict

from scorp_ns.errors import CheckpointError

CHECKPOINT_PATTERN = "step-*.ckpt"

FULL_DISK = 1 << 20
"""A disk with fewer free bytes is full: no checkpoint is that small."""


def checkpoint_path(folder: Path, step: int) -> Path:
    """The path at which nerfstudio looks for the checkpoint of `step`."""
    return folder / f"step-{step:09d}.ckpt"


def write_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Write `state` so that `path` holds either all of it or what it held before, whenever the power fails.

    The unfinished file lies outside the checkpoint folder, where nerfstudio's tools take every file for a checkpoint.
    """
    unfinished = path.parent.parent / ".checkpoint.unfinished"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            torch.save(_without_numpy_scalars(dict(state)), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
        _flush_folder(path.parent)
    except (OSError, RuntimeError) as error:
        unfinished.unlink(missing_ok=True)
        raise CheckpointError(
            found=f"The checkpoint {path} could not be written ({_reason(error, path)}).",
            needed="The output folder must be writable and have room; earlier checkpoints are untouched.",
            do="Free some space or choose another place with --output-dir.",
        ) from error


def _reason(error: Exception, path: Path) -> str:
    """Why writing failed; torch hides that a disk is full behind the position where it noticed."""
    with contextlib.suppress(OSError):
        folder = next(parent for parent in path.parents if parent.exists())
        if shutil.disk_usage(folder).free < FULL_DISK:
            return "no space left on the disk"
    return str(error)


def remove_other_checkpoints(kept: Path) -> None:
    """Delete every checkpoint beside `kept`."""
    for path in kept.parent.glob(CHECKPOINT_PATTERN):
        if path != kept:
            path.unlink()


def find_checkpoint(folder: Path, step: int | None) -> Path:
    """The checkpoint of `step`, or the latest, in a checkpoint folder or in the run folder above it."""
    inner = folder / "nerfstudio_models"
    folder = inner if inner.is_dir() else folder
    steps = {path.stem.removeprefix("step-"): path for path in folder.glob(CHECKPOINT_PATTERN)}
    found = {int(step): path for step, path in steps.items() if step.isdecimal()}
    if not found:
        raise CheckpointError(
            found=f"There is no checkpoint in {folder}.",
            needed="Files named step-<number>.ckpt are needed to resume.",
            do="Give --load-dir the folder 'nerfstudio_models' of the run to continue.",
        )
    if step is not None and step not in found:
        raise CheckpointError(
            found=f"There is no checkpoint of step {step} in {folder}.",
            needed=f"These steps are there: {', '.join(map(str, sorted(found)))}.",
            do="Choose one of them with --load-step, or leave it out for the latest.",
        )
    return found[max(found) if step is None else step]


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The contents of a checkpoint that `ns-train scorp` wrote."""
    if not path.is_file():
        raise CheckpointError(
            found=f"The checkpoint {path} does not exist.",
            needed="A file named step-<number>.ckpt is needed to resume.",
            do="Check --load-checkpoint.",
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except PermissionError as error:
        raise CheckpointError(
            found=f"The checkpoint {path} may not be read ({error.strerror}).",
            needed="It must be readable to resume.",
            do="Mend its permissions.",
        ) from error
    except Exception as error:  # torch.load raises whatever the broken bytes make its parsers raise
        raise CheckpointError(
            found=f"The checkpoint {path} cannot be read; it is damaged or cut short.",
            needed="A whole checkpoint is needed to resume.",
            do=f"Use an earlier one with --load-step, if {path.parent} has any, or train anew.",
        ) from error
    if not isinstance(state, dict) or "scorp" not in state:
        raise CheckpointError(
            found=f"The checkpoint {path} was not written by `ns-train scorp`.",
            needed="Only scorp's own checkpoints hold what is needed to continue a run.",
            do="Resume it with the method that wrote it, or train anew.",
        )
    return state


def check_gaussians(saved: Mapping[str, torch.Tensor], parameters: ParameterDict, sh_degree: int) -> None:
    """Returns if a model's saved state has Gaussians that these parameters can take over."""
    missing = [name for name in parameters if f"gauss_params.{name}" not in saved]
    if missing:
        raise CheckpointError(
            found=f"The checkpoint has no Gaussian parameters {missing}.",
            needed="A checkpoint written by `ns-train scorp` is needed.",
            do="Check --load-dir, --load-checkpoint or --load-config.",
        )
    for name, parameter in parameters.items():
        if saved[f"gauss_params.{name}"].shape[1:] != parameter.shape[1:]:
            raise CheckpointError(
                found=f"The checkpoint's {name} do not fit --pipeline.model.sh-degree {sh_degree}.",
                needed="A run goes on with the degree of spherical harmonics it began with.",
                do="Give the options of the first run again.",
            )


def random_state() -> dict[str, Any]:
    """The state of every random generator a run draws from, in plain types."""
    numpy_state: dict[str, Any] = np.random.get_state(legacy=False)
    twister = numpy_state["state"]
    return {
        "python": random.getstate(),
        "numpy": (
            numpy_state["bit_generator"],
            torch.from_numpy(twister["key"].astype(np.int64)),
            twister["pos"],
            numpy_state["has_gauss"],
            numpy_state["gauss"],
        ),
        "torch": torch.get_rng_state(),
        "devices": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_random_state(state: Mapping[str, Any]) -> None:
    """Set every random generator to what `random_state` returned."""
    random.setstate(state["python"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if torch.cuda.is_available() and len(state["devices"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["devices"])


def _without_numpy_scalars(value: Any) -> Any:
    """The same nested containers, loadable with `weights_only`: learning rates arrive as numpy scalars."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return type(value)((key, _without_numpy_scalars(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return type(value)(_without_numpy_scalars(item) for item in value)
    return value


def _flush_folder(folder: Path) -> None:
    """Make a rename last through a power failure, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
