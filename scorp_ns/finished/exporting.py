"""Finished runs as folders of files, each with a manifest that says what is what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scorp_ns.errors import OutputError
from scorp_ns.export.whole_folder import check_folder, files_below, whole_folder
from scorp_ns.finished.choices import ExportChoices, ExportResult
from scorp_ns.finished.delivered_object import DeliveredObject, check_names, delivered_object, up_in_capture
from scorp_ns.finished.files import (
    Written,
    WrittenObject,
    write_gaussians,
    write_meshes,
    write_object_files,
    write_scene_bodies,
)
from scorp_ns.finished.finished_run import FinishedRun, load_finished_run
from scorp_ns.finished.manifest import object_entry, relative_files, write_manifest
from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.host.progress_bar import progress_bar
from scorp_ns.json_files import rounded
from scorp_ns.masks.folder_names import folder_name
from scorp_ns.model_config import AFTER

SCENE, OBJECTS = "scene", "objects"
"""Folders of an export."""


def export_run(
    config_file: Path,
    folder: Path,
    names: tuple[str, ...],
    choices: ExportChoices,
    with_scene: bool,
    overwrite: bool,
    option: str = "--objects",
) -> ExportResult:
    """Write the objects of a run that an option names, or all, and the scene if asked for."""
    choices.check_packages()
    check_folder(folder, overwrite)
    with progress_bar() as progress:
        task = progress.add_task("Loading the run", total=None)
        run = load_finished_run(config_file)
        names = check_names(run.model, names, option)
        progress.update(task, total=2 * len(names) + 1 + with_scene, completed=1)
        objects = []
        for name in names:
            progress.update(task, description=f"Surface and texture of {name}" if choices.needs_meshes else name)
            objects.append(delivered_object(run, name, choices))
            progress.advance(task)
        _check_anything(objects, choices, with_scene)
        with whole_folder(folder, overwrite) as unfinished:
            written = []
            for one in objects:
                progress.update(task, description=f"Files of {one.name}")
                written.append(write_object_files(unfinished / OBJECTS / folder_name(one.name), one, choices))
                progress.advance(task)
            scene: Written = {}
            if with_scene:
                progress.update(task, description="Files of the scene")
                scene = _write_scene(unfinished / SCENE, run, objects, written, choices)
                progress.advance(task)
            write_manifest(unfinished, _manifest(run, objects, written, scene, unfinished, choices))
            files = tuple(files_below(unfinished))
            formats = {name for of in (scene, *(result.files for result in written)) for name in of}
    notes = [f"{one.name} has no mesh: {one.no_mesh}" for one in objects if one.no_mesh and choices.needs_meshes]
    if not objects:
        notes.append("The run has no objects: this is its scene alone.")
    return ExportResult(folder, files, tuple(name for name in choices.formats if name in formats), tuple(notes))


def _write_scene(
    folder: Path,
    run: FinishedRun,
    objects: Sequence[DeliveredObject],
    written: Sequence[WrittenObject],
    choices: ExportChoices,
) -> Written:
    """Write everything together where it stands in the capture: all Gaussians, and the surfaces that objects have."""
    folder.mkdir(parents=True)
    gaussians, _ = run.model.owned(AFTER)
    files = write_gaussians(folder, transform_gaussians(gaussians, run.capture_to_world.inverse()), choices)
    meshes = [one.mesh for one in objects if one.mesh is not None]
    if meshes:
        files |= write_meshes(folder, "objects", meshes, choices, is_z_up=False)
    bodies = [
        (one, folder_name(one.name), result.body)
        for one, result in zip(objects, written, strict=True)
        if result.body is not None
    ]
    if bodies and "mjcf" in choices.formats:
        files["mjcf"] = [folder / "objects.xml"]
        write_scene_bodies(folder / "objects.xml", bodies, f"../{OBJECTS}", up_in_capture(run, objects))
    return files


def _check_anything(objects: Sequence[DeliveredObject], choices: ExportChoices, with_scene: bool) -> None:
    """Refuse an export without a single file."""
    has_gaussians = choices.has_gaussians and (objects or with_scene)
    if has_gaussians or any(one.mesh is not None for one in objects):
        return
    reasons = " ".join(f"{one.name}: {one.no_mesh}" for one in objects) or "The run has no lifted objects."
    raise OutputError(
        f"There is no surface to export. {reasons}",
        f"The formats {', '.join(choices.formats)} hold surfaces, which objects have once their proxies are placed.",
        "Add the format splat, or train with object masks and a generator until the proxies are placed.",
    )


def _manifest(
    run: FinishedRun,
    objects: Sequence[DeliveredObject],
    written: Sequence[WrittenObject],
    scene: Written,
    folder: Path,
    choices: ExportChoices,
) -> Mapping[str, Any]:
    return {
        "run": run.folder.name,
        "frame": choices.frame,
        "up_in_capture": rounded(up_in_capture(run, objects)),
        "scene": relative_files(scene, folder),
        "objects": [
            object_entry(one, result.files, folder, choices) for one, result in zip(objects, written, strict=True)
        ],
        "not_lifted": dict(run.model.scene_objects.failures),
    }
