"""A finished run, loaded from its own folder: neither its photographs nor its capture are needed."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import yaml
from nerfstudio.data.scene_box import SceneBox

from scorp_ns.errors import CheckpointError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.host.checkpoint import find_checkpoint, read_checkpoint
from scorp_ns.messages import some_of
from scorp_ns.model import ScorpModel, ScorpModelConfig
from scorp_ns.trainer import ScorpTrainerConfig

MODEL = "_model."
"""Prefix of a model's tensors in checkpoints."""

CAMERA_CORRECTIONS = "camera_optimizer.pose_adjustment"
"""The one tensor of a model that has a row per photograph."""


@dataclass(frozen=True)
class FinishedRun:
    """A trained scene with its objects."""

    folder: Path
    """The folder of its config.yml."""
    model: ScorpModel
    capture_to_world: Similarity
    """The similarity from the frame of the input poses to that of training."""


def load_finished_run(config_file: Path) -> FinishedRun:
    """The run of this config.yml from its last checkpoint; a CheckpointError if it cannot be loaded."""
    config, folder = _config(config_file), config_file.parent
    path = _checkpoint(folder)
    state = read_checkpoint(path)
    if "capture_to_world" not in state["scorp"]:
        raise CheckpointError(
            f"The checkpoint {path} does not say where the capture lies in the frame of training.",
            "Checkpoints hold that since there is `scorp export`; this one is older.",
            "Train on with --load-dir and a larger --max-num-iterations, or use `ns-export gaussian-splat`.",
        )
    return FinishedRun(folder, _model(config, state, path), Similarity(*state["scorp"]["capture_to_world"]))


def _checkpoint(folder: Path) -> Path:
    try:
        return find_checkpoint(folder, None)
    except CheckpointError as error:
        raise CheckpointError(
            f"There is no checkpoint beside the configuration in {folder}.",
            "The folder nerfstudio_models of the run, with a file step-<number>.ckpt, is needed.",
            "Give --load-config the config.yml of a run that has written one, and move run folders only as a whole.",
        ) from error


def _config(path: Path) -> ScorpTrainerConfig:
    try:
        config = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.Loader)
    except OSError as error:
        raise CheckpointError(
            f"The run's configuration {path} cannot be read ({error.strerror}).",
            "The file config.yml of a finished run is needed.",
            "Correct --load-config; `ns-train` writes it to outputs/<experiment>/<method>/<time>/config.yml.",
        ) from error
    except Exception as error:  # The file makes Python objects, whose classes may raise anything.
        raise CheckpointError(
            f"The run's configuration {path} cannot be understood ({type(error).__name__}).",
            "The file config.yml as `ns-train` wrote it is needed.",
            "Restore the file, or load the run with the version of scorp that trained it.",
        ) from error
    if not isinstance(config, ScorpTrainerConfig):
        raise CheckpointError(
            f"{path} is not the configuration of a run of scorp.",
            "Only scorp's own runs hold objects and proxies.",
            "Give --load-config the config.yml that `ns-train scorp` or `ns-train scorp-quick` wrote.",
        )
    return config


def _model(config: ScorpTrainerConfig, state: dict[str, Any], path: Path) -> ScorpModel:
    """The model with the checkpoint's tensors in place of its initial ones."""
    saved = {name.removeprefix(MODEL): value for name, value in state["pipeline"].items() if name.startswith(MODEL)}
    model_config = cast(ScorpModelConfig, deepcopy(config.pipeline.model))
    model_config.random_init, model_config.fill_views = False, False
    device = torch.device(config.machine.device_type if torch.cuda.is_available() else "cpu")
    model = model_config.setup(
        scene_box=SceneBox(torch.tensor([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]])),
        num_train_data=len(saved.get(CAMERA_CORRECTIONS, ())),
        seed_points=(torch.eye(4, 3), torch.zeros(4, 3, dtype=torch.uint8)),
        metadata={},
        device=device,
        grad_scaler=None,
    ).to(device)
    try:
        # Checkpoints of older versions know nothing of what came later, which then stays empty.
        unknown = model.load_state_dict(saved, strict=False).unexpected_keys
    except (RuntimeError, TypeError, KeyError) as error:  # What is there is of another shape, or has other parts.
        raise _of_another_version(path, "parts of another make") from error
    if unknown:
        raise _of_another_version(path, some_of(unknown))
    return model.eval()


def _of_another_version(path: Path, what: str) -> CheckpointError:
    return CheckpointError(
        f"The checkpoint {path} holds {what}, which this version of scorp does not know.",
        "A checkpoint of this version, or of an older one that differs little, is needed.",
        "Export it with the version that trained it.",
    )
