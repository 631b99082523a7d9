"""Changes of a run's set of objects, as stages and people at the viewer make them, and the files of objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from nerfstudio.utils.rich_utils import CONSOLE
from rich.progress import track

from scorp_ns.export.object_files import write_object, write_report
from scorp_ns.masks.folder_names import object_folders
from scorp_ns.products import CapturedView, LiftedObject, ObjectInfo
from scorp_ns.run.run import Run
from scorp_ns.scene.picks import Pick
from scorp_ns.stages.lift import Scene, lift_at_point, lift_objects, show_objects


def lift_masks(run: Run) -> None:
    """Lift the objects of the capture's masks and boxes."""
    lifted = lift_objects(_scene(run), run.masked_objects, run.model.config.lift, _with_progress)
    check = run.data.mask_check
    left_out = {} if check is None else {one.name: one.verdict for one in check.objects if one.verdict}
    run.model.scene_objects.take(replace(lifted, failures={**lifted.failures, **left_out}))


def pick_object(run: Run, pick: Pick) -> None:
    """Lift what stands where a click hit, in place of an object with its name; a PickError says why not."""
    scene, store = _scene(run), run.model.scene_objects
    labels = torch.zeros(len(scene.gaussians), dtype=torch.int16) if len(store.labels) == 0 else store.labels.cpu()
    if pick.name in store.names:
        labels = labels.index_fill(0, store.indices(pick.name).cpu(), 0)
    point = scene.capture_to_world.apply(torch.tensor(pick.point, dtype=torch.float64)).float()
    label = store.label_for(pick.name, len(run.masked_objects))
    reach = pick.reach * scene.capture_to_world.scale
    picked = lift_at_point(scene, labels, pick.name, label, point, reach, run.model.config.lift)
    if pick not in store.picks:
        _forget_proxy(run, pick.name)
    store.add(picked, pick)


def remove_object(run: Run, name: str) -> None:
    """Forget an object and all that was made of it; its Gaussians belong to none."""
    _forget_proxy(run, name)
    run.model.scene_objects.remove(name)


def _forget_proxy(run: Run, name: str) -> None:
    """Forget all that was made of an object that is gone or had this name before, and all decisions about it."""
    run.model.scene_proxies.forget(name)
    run.model.scene_composite.forget_failure(name)
    run.requests.forget(name)


def write_objects(run: Run) -> None:
    """Write all objects to the run's folder; an OutputError says why that failed."""
    store, scene, folders = run.model.scene_objects, run.model.scene, object_paths(run)
    objects = tuple(map(run.model.scene_composite.shown, store.objects()))
    find_views(run, objects)
    for one in objects:
        write_object(folders[one.name], one, store.views[one.name], scene, run.data.capture_to_world)
    write_report(run.folder, {name: folder.name for name, folder in folders.items()}, store.failures)


def object_paths(run: Run) -> dict[str, Path]:
    """The folder of each object's files."""
    names = [one.name for one in run.model.scene_objects.objects()]
    folders = object_folders([ObjectInfo(name) for name in names])
    return {name: run.folder / folder for name, folder in zip(names, folders, strict=True)}


def find_views(run: Run, objects: Sequence[LiftedObject]) -> None:
    """Find the best views of objects lifted before this process began: checkpoints hold none."""
    views = run.model.scene_objects.views
    missing = [one for one in objects if one.name not in views]
    if missing:
        views.update(show_objects(_scene(run), missing, len(run.masked_objects), run.model.config.lift))


def _scene(run: Run) -> Scene:
    return Scene(
        gaussians=run.model.scene,
        views=run.views.captured,
        capture_to_world=run.data.capture_to_world,
        rasterize_mode=run.model.config.rasterize_mode,
    )


def _with_progress(views: Sequence[CapturedView], title: str) -> Iterable[CapturedView]:
    return track(views, description=title, console=CONSOLE, transient=True)
