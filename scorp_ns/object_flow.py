"""Between the training run and the object stages: what they need is gathered, what they find is kept and shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import torch
from nerfstudio.utils.rich_utils import CONSOLE
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from scorp_ns.cameras import viewmats_from_camera_to_worlds
from scorp_ns.dataparser import CAPTURE_TO_WORLD
from scorp_ns.errors import OutputError
from scorp_ns.export.object_files import write_object, write_report
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.masks.contact_sheet import write_contact_sheet
from scorp_ns.masks.writing import object_folders
from scorp_ns.object_labels import photograph_of
from scorp_ns.products import CapturedView, LiftedScene, ObjectInfo
from scorp_ns.stages.lift import Scene, lift_objects

if TYPE_CHECKING:
    from scorp_ns.datamanager import ScorpDataManager
    from scorp_ns.model import ScorpModel
    from scorp_ns.trainer import ScorpTrainer

NO_MASKS = (
    "No object masks: the scene is trained alone. Masks are found in object_masks/<object name>/<image name>.png and "
    "other layouts, or where --pipeline.datamanager.masks-path says."
)


def captured_views(model: ScorpModel, datamanager: ScorpDataManager) -> list[CapturedView]:
    """The training images as the object stages see them, with the poses that training arrived at."""
    images, cameras = datamanager.cached_train, datamanager.train_cameras.to(model.device)
    views = []
    for index, (data, path) in enumerate(zip(images, datamanager.train_dataset.image_filenames, strict=True)):
        camera = cameras[index : index + 1]
        camera.metadata = {"cam_idx": index}
        with torch.no_grad():
            viewmats = viewmats_from_camera_to_worlds(model.camera_optimizer.apply_to_camera(camera))
        views.append(
            CapturedView(
                name=path.name,
                photograph=photograph_of(data),
                labels=data.get("object_labels"),
                viewmat=viewmats[0],
                K=camera.get_intrinsics_matrices()[0],
            )
        )
    return views


def capture_to_world(datamanager: ScorpDataManager) -> Similarity:
    """From the frame of the input poses, which users know, to that of training."""
    outputs = datamanager.train_dataparser_outputs
    known = outputs.metadata.get(CAPTURE_TO_WORLD)
    return known or Similarity.from_matrix(outputs.dataparser_transform, outputs.dataparser_scale)


class ObjectFlow:
    """The object stages of one training run."""

    def __init__(self, model: ScorpModel, trainer: ScorpTrainer) -> None:
        self.model = model
        self.config = trainer.config
        self.folder = trainer.base_dir / "scorp"
        self.datamanager = cast("ScorpDataManager", trainer.pipeline.datamanager)
        self.lifted: LiftedScene | None = None

    def check_masks(self) -> None:
        """Tell what the object masks look like, and show them on a contact sheet; no masks are no fault."""
        masks, check = self.datamanager.given_masks, self.datamanager.mask_check
        if masks is None or check is None:
            CONSOLE.print(NO_MASKS, markup=False)
            return
        CONSOLE.print(f"Object masks: {masks.source}", markup=False)
        CONSOLE.print("\n".join(check.report_lines()), markup=False, highlight=False)
        try:
            path = write_contact_sheet(masks, self.datamanager.mask_frames, check, self.folder / "masks.png")
            CONSOLE.print(f"To look at the masks, open {path}", markup=False)
        except OutputError as error:
            CONSOLE.print(str(error), style="yellow", markup=False)

    def lift(self) -> None:
        """Lift the objects of the capture's masks and boxes, once."""
        masks = self.datamanager.object_masks
        if masks is None or not masks.objects or self.model.scene_objects.is_lifted:
            return
        lifted = lift_objects(self._scene(), masks.objects, self.model.config.lift, _with_progress)
        self.lifted = replace(lifted, failures={**lifted.failures, **self._left_out()})
        self.model.scene_objects.take(self.lifted)
        CONSOLE.print(_table(self.lifted))
        self.save()

    def finish(self) -> None:
        """At the end of the run: write the objects' Gaussians as training left them."""
        if self.model.scene_objects.is_lifted:
            self.save()

    def save(self) -> None:
        """Write the objects to the run's folder, if that was asked for; a failure costs the files, not the run."""
        if not self.config.save_objects:
            return
        store = self.model.scene_objects
        objects = store.objects()
        folders = object_folders([ObjectInfo(one.name) for one in objects])
        to_world, scene = capture_to_world(self.datamanager), self.model.scene
        try:
            for one, folder in zip(objects, folders, strict=True):
                views = None if self.lifted is None else self.lifted.views[one.name]
                write_object(self.folder / folder, one, views, scene, to_world)
            names = [one.name for one in objects]
            write_report(self.folder, dict(zip(names, folders, strict=True)), store.failures)
        except OutputError as error:
            CONSOLE.print(f"{error} Training goes on.", style="bold yellow", markup=False)

    def _left_out(self) -> dict[str, str]:
        """The objects that the mask check refused, and why."""
        check = self.datamanager.mask_check
        return {} if check is None else {one.name: one.verdict for one in check.objects if one.verdict}

    def _scene(self) -> Scene:
        return Scene(
            gaussians=self.model.scene,
            views=captured_views(self.model, self.datamanager),
            capture_to_world=capture_to_world(self.datamanager),
            rasterize_mode=self.model.config.rasterize_mode,
        )


def _with_progress(views: Sequence[CapturedView], title: str) -> Iterable[CapturedView]:
    return track(views, description=title, console=CONSOLE, transient=True)


def _table(lifted: LiftedScene) -> Table:
    """What became of every object, for the terminal."""
    table = Table("object", "Gaussians", "seen", "fits its masks", "stands on", "views", title="Lifted objects")
    for one in lifted.objects:
        table.add_row(
            escape(one.name),
            str(len(one.indices)),
            f"{float(one.visibility.mean()):.0%}",
            "-" if one.mask_iou is None else f"{one.mask_iou:.0%}",
            "nothing found" if one.support is None else "a plane",
            ", ".join(view.name for view in lifted.views[one.name]),
        )
    for name, reason in lifted.failures.items():
        table.add_row(escape(name), f"[yellow]not lifted: {escape(reason)}")
    return table
