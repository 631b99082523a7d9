"""Scenes without some of their objects, with the ground closed below them."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Bool
from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor

from scorp_ns.compose.floaters import are_floaters
from scorp_ns.compose.ground_filling import close_ground
from scorp_ns.errors import CompositionError
from scorp_ns.export.whole_folder import check_folder, files_below, whole_folder
from scorp_ns.finished.choices import ExportResult
from scorp_ns.finished.delivered_object import check_names
from scorp_ns.finished.finished_run import FinishedRun, load_finished_run
from scorp_ns.finished.manifest import write_manifest
from scorp_ns.formats.splat_ply import write_splats
from scorp_ns.gaussians.splats import Gaussians, join_gaussians
from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.model_config import AFTER
from scorp_ns.products import LiftedObject

SCENE_FILE = "scene.ply"


def remove_objects(config_file: Path, folder: Path, names: tuple[str, ...], overwrite: bool) -> ExportResult:
    """Write the scene without the named objects as Gaussians in the capture's frame."""
    check_folder(folder, overwrite)
    with CONSOLE.status("Loading the run"):
        run = load_finished_run(config_file)
        check_names(run.model, names, "--object")
    with CONSOLE.status("Closing the ground"):
        scene, notes = scene_without(run, names)
    with whole_folder(folder, overwrite) as unfinished:
        write_splats(transform_gaussians(scene, run.capture_to_world.inverse()), unfinished / SCENE_FILE)
        content = {"run": run.folder.name, "frame": "capture", "scene": {"splat": [SCENE_FILE]}}
        write_manifest(unfinished, content | {"removed": list(names), "notes": notes})
        files = tuple(files_below(unfinished))
    return ExportResult(folder, files, ("splat",), tuple(notes))


def scene_without(run: FinishedRun, names: tuple[str, ...]) -> tuple[Gaussians, list[str]]:
    """The composed scene without the objects, in the frame of training, and notes on ground that stays open."""
    store = run.model.scene_objects
    shown, labels = run.model.owned(AFTER)
    gaussians, owners = shown.cpu(), labels.cpu()
    objects = [one for one in store.objects() if one.name in names]
    is_removed = torch.isin(owners, owners.new_tensor([one.label for one in objects]))
    scene, is_others, notes = gaussians[~is_removed], owners[~is_removed] > 0, []
    for one in objects:
        removed = gaussians[owners == one.label]
        others, patch, note = _closed(scene[~is_others], removed, one)
        notes += [note] if note else []
        kept = is_others.clone()
        kept[~is_others] = others
        scene = join_gaussians([scene[kept], *patch])
        is_others = torch.nn.functional.pad(is_others[kept], (0, len(scene) - int(kept.sum())))
    return scene, notes


def _closed(
    others: Gaussians, removed: Gaussians, one: LiftedObject
) -> tuple[Bool[Tensor, " n"], list[Gaussians], str | None]:
    """The mask of other Gaussians that stay, the patch that closes the ground, and a note if it stays open."""
    try:
        if one.support is not None:
            closed = close_ground(others, removed, one.support)
            return closed.kept, [closed.patch], None
        note = f"Nothing was found that {one.name} stands on, so no ground is closed there."
    except CompositionError as error:
        note = f"The ground below {one.name} is left open. {error}"
    return ~are_floaters(others, removed, one.support), [], note
