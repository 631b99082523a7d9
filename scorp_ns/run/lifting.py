"""Between the training run and the object stages: what they need is gathered, what they find is kept and shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from jaxtyping import Float
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.utils.rich_utils import CONSOLE
from rich.markup import escape
from rich.progress import track
from rich.table import Table
from torch import Tensor

from scorp_ns.cameras import viewmats_from_camera_to_worlds
from scorp_ns.data.dataparser import CAPTURE_TO_WORLD
from scorp_ns.data.label_maps import photograph_of
from scorp_ns.errors import OutputError, PickError
from scorp_ns.export.object_files import write_object, write_report
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.lift.scene_depths import SceneDepths
from scorp_ns.masks.contact_sheet import write_contact_sheet
from scorp_ns.masks.folder_names import object_folders
from scorp_ns.masks.source import Frame
from scorp_ns.products import CapturedView, LiftedObject, LiftedScene, ObjectInfo
from scorp_ns.run.stage_clock import write_costs
from scorp_ns.scene.objects import SceneObjects
from scorp_ns.scene.picks import Pick, read_picks
from scorp_ns.stages.lift import Scene, lift_at_point, lift_objects, show_objects

if TYPE_CHECKING:
    from scorp_ns.data.datamanager import ScorpDataManager
    from scorp_ns.model import ScorpModel
    from scorp_ns.trainer import ScorpTrainer

COSTS_FILE = "stages.json"
"""Seconds and memory of each stage of a run, among what is written of its objects."""

FOLDER = "scorp"
"""Where, in a run's folder, all that is written of objects lies."""

NO_MASKS = (
    "No object masks: the scene is trained alone. Masks are found in object_masks/<object name>/<image name>.png and "
    "other layouts, or where --pipeline.datamanager.masks-path says."
)


def captured_views(model: ScorpModel, datamanager: ScorpDataManager) -> list[CapturedView]:
    """The training images as the object stages see them, with the poses that training arrived at."""
    images = datamanager.cached_train  # The host knows the cameras of the training images once these are loaded.
    cameras = datamanager.train_cameras.to(model.device)
    poses = []
    for index in range(len(cameras)):
        camera = cameras[index : index + 1]
        camera.metadata = {"cam_idx": index}
        with torch.no_grad():
            poses.append(model.camera_optimizer.apply_to_camera(camera))
    return _views(images, datamanager.mask_frames[: len(images)], cameras, torch.cat(poses))


def scene_depths(model: ScorpModel, datamanager: ScorpDataManager) -> SceneDepths:
    """The scene that objects are lifted from, without anything that was composed, and what it was trained on."""
    return SceneDepths(model.scene_before, captured_views(model, datamanager), model.config.rasterize_mode)


def evaluation_views(model: ScorpModel, datamanager: ScorpDataManager) -> list[CapturedView]:
    """The images that are held out of training."""
    images = datamanager.cached_eval
    cameras = datamanager.eval_dataset.cameras.to(model.device)
    return _views(images, datamanager.mask_frames[-len(images) :], cameras, cameras.camera_to_worlds)


def _views(
    images: Sequence[dict[str, Any]], frames: Sequence[Frame], cameras: Cameras, poses: Float[Tensor, "n 3 4"]
) -> list[CapturedView]:
    entries = zip(images, frames, viewmats_from_camera_to_worlds(poses), cameras.get_intrinsics_matrices(), strict=True)
    return [
        CapturedView(frame.name, photograph_of(data), data.get("object_labels"), viewmat, K)
        for data, frame, viewmat, K in entries
    ]


def capture_to_world(datamanager: ScorpDataManager) -> Similarity:
    """From the frame of the input poses, which users know, to that of training."""
    outputs = datamanager.train_dataparser_outputs
    known = outputs.metadata.get(CAPTURE_TO_WORLD)
    return known or Similarity.from_matrix(outputs.dataparser_transform, outputs.dataparser_scale)


class ObjectLifting:
    """What training runs and viewers do with a scene's objects."""

    def __init__(self, model: ScorpModel, datamanager: ScorpDataManager, folder: Path) -> None:
        self.model = model
        self.datamanager = datamanager
        self.folder = folder
        """Where the objects' files are written."""

    @property
    def _store(self) -> SceneObjects:
        return self.model.scene_objects

    @property
    def masked_objects(self) -> tuple[ObjectInfo, ...]:
        """The objects of the capture's masks and boxes."""
        masks = self.datamanager.object_masks
        return () if masks is None else masks.objects

    def lift_masks(self) -> LiftedScene:
        """Lift the objects of the capture's masks and boxes."""
        lifted = lift_objects(self._scene(), self.masked_objects, self.model.config.lift, _with_progress)
        lifted = replace(lifted, failures={**lifted.failures, **self._left_out()})
        self._store.take(lifted)
        return lifted

    def pick(self, pick: Pick) -> None:
        """Lift what stands where a click hit, in place of an object with its name; a PickError says why not."""
        scene = self._scene()
        store, to_world = self._store, scene.capture_to_world
        labels = torch.zeros(len(scene.gaussians), dtype=torch.int16) if len(store.labels) == 0 else store.labels.cpu()
        if pick.name in store.names:
            labels = labels.clone()
            labels[store.indices(pick.name).cpu()] = 0
        point = to_world.apply(torch.tensor(pick.point, dtype=torch.float64)).float()
        label = store.label_for(pick.name, len(self.masked_objects))
        reach = pick.reach * to_world.scale
        picked = lift_at_point(scene, labels, pick.name, label, point, reach, self.model.config.lift)
        if pick not in store.picks:
            self._forget_proxy(pick.name)
        store.add(picked, pick)

    def remove(self, name: str) -> None:
        """Forget an object and all that was made of it; its Gaussians belong to none."""
        self._forget_proxy(name)
        self._store.remove(name)

    def _forget_proxy(self, name: str) -> None:
        """Forget what was made of an object that is no more, or had this name before, and decided about it."""
        self.model.scene_proxies.forget(name)
        self.model.scene_composite.forget_failure(name)
        self.model.corrections.forget(name)

    def write(self) -> None:
        """Write all objects to the run's folder."""
        objects, folders = tuple(map(self.model.scene_composite.shown, self._store.objects())), self.folders()
        to_world, scene = capture_to_world(self.datamanager), self.model.scene
        self.find_views(objects)
        for one in objects:
            write_object(folders[one.name], one, self._store.views[one.name], scene, to_world)
        names = {name: folder.name for name, folder in folders.items()}
        write_report(self.folder, names, self._store.failures)

    def folders(self) -> dict[str, Path]:
        """Where the files of each object are written."""
        names = [one.name for one in self._store.objects()]
        folders = object_folders([ObjectInfo(name) for name in names])
        return {name: self.folder / folder for name, folder in zip(names, folders, strict=True)}

    def find_views(self, objects: Sequence[LiftedObject]) -> None:
        """Find the best views of those that were lifted before this process began: checkpoints hold none."""
        missing = [one for one in objects if one.name not in self._store.views]
        if missing:
            num_labels = len(self.masked_objects)
            self._store.views.update(show_objects(self._scene(), missing, num_labels, self.model.config.lift))

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


class ObjectFlow:
    """The object stages of one training run."""

    def __init__(self, model: ScorpModel, trainer: ScorpTrainer) -> None:
        self.config, self.clock = trainer.config, trainer.clock
        self.store, self.composite = model.scene_objects, model.scene_composite
        self.datamanager = cast("ScorpDataManager", trainer.pipeline.datamanager)
        self.lifting = ObjectLifting(model, self.datamanager, trainer.base_dir / FOLDER)
        self.waiting = self._picks_of_resumed_run()
        self.warnings: list[str] = []
        """What people were warned of since this process began, once each."""

    def warn(self, text: str) -> None:
        """Tell people what went otherwise than they may expect, now and in the report."""
        CONSOLE.print(text, style="yellow", markup=False)
        if text not in self.warnings:
            self.warnings.append(text)

    def _picks_of_resumed_run(self) -> tuple[Pick, ...]:
        """What was picked and saved in a viewer of the run that this one goes on with."""
        if self.config.load_dir is not None:
            has_checkpoints_below = (self.config.load_dir / "nerfstudio_models").is_dir()
            run = self.config.load_dir if has_checkpoints_below else self.config.load_dir.parent
        elif self.config.load_checkpoint is not None:
            run = self.config.load_checkpoint.parent.parent
        else:
            return ()
        picks = read_picks(run / FOLDER)
        return tuple(pick for pick in picks if pick.name not in self.store.names)

    def check_masks(self) -> None:
        """Tell what the object masks look like, and show them on a contact sheet; no masks are no fault."""
        masks, check = self.datamanager.given_masks, self.datamanager.mask_check
        if masks is None or check is None:
            CONSOLE.print(NO_MASKS, markup=False)
            return
        CONSOLE.print(f"Object masks: {masks.source}", markup=False)
        CONSOLE.print("\n".join(check.report_lines()), markup=False, highlight=False)
        try:
            sheet = self.lifting.folder / "masks.png"
            path = write_contact_sheet(masks, self.datamanager.mask_frames, check, sheet)
            CONSOLE.print(f"To look at the masks, open {path}", markup=False)
        except OutputError as error:
            CONSOLE.print(str(error), style="yellow", markup=False)

    def lift(self) -> None:
        """Lift the objects of the capture's masks and boxes, once, and grow picked ones in the scene as it is now."""
        if self.store.is_lifted and not self.waiting:
            return
        with self.clock.stage("lift"):
            self._lift()

    def _lift(self) -> None:
        picks, self.waiting = self.waiting, ()
        if not self.store.is_lifted:
            picks = (*self.store.picks, *picks)
            if self.datamanager.mask_check is not None:
                self.lifting.lift_masks()
                CONSOLE.print(_table(self.store, self._lifted()))
            self.store.is_lifted = True
        for pick in picks:
            self._grow(pick)
        if self.store.names or self.store.failures:
            self.save()

    def _lifted(self) -> Iterable[LiftedObject]:
        return map(self.composite.own, self.store.objects())

    def _grow(self, pick: Pick) -> None:
        """Grow a picked object again; one that does not grow any more stays as it was."""
        try:
            self.lifting.pick(pick)
            CONSOLE.print(f"The picked object '{pick.name}' was grown in the scene as it is now.", markup=False)
        except PickError as error:
            CONSOLE.print(f"The picked object '{pick.name}' was not grown again. {error}", style="yellow", markup=False)

    def finish(self) -> None:
        """At the end of the run: tell of the objects, write them as training left them, and what the stages cost."""
        if self.store.names or self.store.failures:
            CONSOLE.print(_table(self.store, self._lifted()))
            self.save()
        write_costs(self.clock.state(), self.lifting.folder / COSTS_FILE)

    def save(self) -> None:
        """Write the objects to the run's folder, if that was asked for; a failure costs the files, not the run."""
        if not self.config.save_objects:
            return
        try:
            self.lifting.write()
        except OutputError as error:
            CONSOLE.print(f"{error} The run goes on without these files.", style="bold yellow", markup=False)


def _with_progress(views: Sequence[CapturedView], title: str) -> Iterable[CapturedView]:
    return track(views, description=title, console=CONSOLE, transient=True)


def _table(store: SceneObjects, objects: Iterable[LiftedObject]) -> Table:
    """What became of every object, for the terminal."""
    table = Table("object", "Gaussians", "seen", "fits its masks", "stands on", "views", title="Lifted objects")
    for one in objects:
        table.add_row(
            escape(one.name),
            str(len(one.indices)),
            f"{float(one.visibility.mean()):.0%}",
            "-" if one.mask_iou is None else f"{one.mask_iou:.0%}",
            "nothing found" if one.support is None else "a plane",
            ", ".join(Path(view.name).name for view in store.views.get(one.name, ())),
        )
    for name, reason in store.failures.items():
        table.add_row(escape(name), f"[yellow]not lifted: {escape(reason)}")
    return table
