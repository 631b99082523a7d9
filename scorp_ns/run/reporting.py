"""The report of a run: facts and pictures of every object, written as JSON and as a page."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

import torch
from nerfstudio.utils.rich_utils import CONSOLE
from rich.progress import track

from scorp_ns import __version__
from scorp_ns.errors import ScorpError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.json_files import json_text
from scorp_ns.lift.up_direction import up_direction
from scorp_ns.products import LiftedObject
from scorp_ns.report.kit.facts import Value, plain_json
from scorp_ns.report.kit.writing import write_text
from scorp_ns.report.of_run.facts import (
    ACCEPTED,
    DONE,
    FORMAT,
    REJECTED,
    Cost,
    MasksFacts,
    ObjectEntry,
    RunReport,
    SceneFacts,
    check_run_report,
    entry_type,
)
from scorp_ns.report.of_run.outcome import outcome_of
from scorp_ns.report.of_run.page import run_page
from scorp_ns.report.of_run.pictures import Row, Scenes, Subject, album_for, picture_object
from scorp_ns.run.object_editing import find_views
from scorp_ns.run.run import Run
from scorp_ns.run.stage import Stage, stage_texts
from scorp_ns.scene.composite import ONLY_AFTER, ONLY_BEFORE
from scorp_ns.scene.records import Placed, Placement, Refused

REPORT_FILE, PAGE_FILE = "report.json", "report.html"
"""The files written beside the run's configuration."""

PACKAGES = ("nerfstudio", "torch", "gsplat", "numba")
"""Whose versions are told, beside our own and Python's."""


Facts = dict[str, Value]
"""Values by their names."""


class Reporting:
    """The report of one training run."""

    def __init__(self, run: Run, stages: Sequence[Stage]) -> None:
        self.run, self.stages, self.texts = run, stages, stage_texts(stages)

    def write(self) -> None:
        """At the end of the run: write the report, and tell where it is; a failure costs the report, not the run."""
        try:
            self._write()
        except ScorpError as error:
            CONSOLE.print(f"{error} The run itself is complete.", style="bold yellow", markup=False)

    def write_early(self, step: int) -> None:
        """After an interruption at an iteration: write the report of what there is, if that can be done."""
        CONSOLE.print("Interrupted: writing the report of what there is. Ctrl-C again leaves it out.", markup=False)
        try:
            self._write(step)
        except Exception as error:  # Anything may be half done where the interruption came.
            CONSOLE.print(f"The report could not be written: {error}", style="bold yellow", markup=False)

    def _write(self, interrupted_at: int | None = None) -> None:
        with self.run.clock.stage("report"):
            entries = {name: self.entry(name) for name in self._names()}
            pictures = self._pictures(entries)
        document = plain_json(self._report(entries, interrupted_at))
        report = check_run_report(document, self.texts)
        folder = self.run.in_training.folder
        write_text(folder / REPORT_FILE, json_text(document))
        page = write_text(folder / PAGE_FILE, run_page(report, pictures, self.texts))
        CONSOLE.print(f"What became of the run and its objects: {page}", markup=False)

    def _names(self) -> tuple[str, ...]:
        """All objects that masks, boxes and clicks name: those of the masks first."""
        check, objects = self.run.data.mask_check, self.run.model.scene_objects
        masked = () if check is None else [one.name for one in check.objects]
        return tuple(dict.fromkeys([*masked, *objects.names, *objects.failures]))

    def entry(self, name: str) -> ObjectEntry:
        """The report's entry of one object."""
        told = {stage.name: stage.facts(self.run, name) for stage in self.stages if stage.text is not None}
        reached = [text.name for text in self.texts if told[text.name].state == DONE]
        return entry_type(self.texts)(
            reached=reached[-1] if reached else "nothing",
            outcome=outcome_of(told, self.texts),
            decision=self._decision(name),
            **told,
        )

    def _decision(self, name: str) -> str | None:
        """The decision that a person made at the viewer."""
        store = self.run.model.scene_proxies
        if name in store.rejected:
            return REJECTED
        placement = store.record(name).placement if name in store.names else None
        return ACCEPTED if isinstance(placement, Placed) and placement.by == "person" else None

    def _report(self, entries: Mapping[str, ObjectEntry], interrupted_at: int | None) -> RunReport:
        run, training = self.run, self.run.in_training
        masks, check = run.data.given_masks, run.data.mask_check
        of_masks, warned = None, []
        if masks is not None and check is not None:
            of_masks, warned = MasksFacts(masks.source, check.num_frames, check.num_maps), check.warning_lines()
        return RunReport(
            format=FORMAT,
            scorp=__version__,
            date=datetime.now().astimezone().isoformat(timespec="seconds"),
            capture=str(run.data.get_datapath()),
            experiment=training.experiment,
            method=training.method,
            iterations=training.schedule.num_iterations,
            interrupted_at=interrupted_at,
            scene=self._scene(),
            masks=of_masks,
            objects=entries,
            stages={name: Cost(**cost) for name, cost in run.clock.state().items()},
            warnings=[*warned, *run.warnings],
            settings=self._settings(),
            versions=_versions(),
            machine=_machine(run.model.device),
        )

    def _scene(self) -> SceneFacts:
        data, layers = self.run.data, self.run.model.scene_composite.layers
        number = len(self.run.model.gauss_params["means"])
        return SceneFacts(
            gaussians=number - int((layers == ONLY_BEFORE).sum()),
            gaussians_before=number - int((layers == ONLY_AFTER).sum()),
            training_views=len(data.train_dataset),
            evaluation_views=len(data.eval_dataset),
        )

    def _settings(self) -> Facts:
        """The options that decide what objects become, without those of generators, which may hold secrets."""
        config = self.run.model.config
        settings: Facts = {"machine.seed": self.run.in_training.seed}
        settings["pipeline.model.generator.name"] = config.generator.name
        for name, maker in config.generator.per_object.items():
            settings[f"pipeline.model.generator.per-object {name}"] = maker
        for group, options in {"place": config.place, "compose": config.compose, "schedule": config.schedule}.items():
            settings |= _flat(options, f"pipeline.model.{group}")
        return settings

    def _pictures(self, entries: dict[str, ObjectEntry]) -> dict[str, list[Row]]:
        """The pictures of every lifted object; what they tell of placing goes into the facts as well."""
        objects = self.run.model.scene_objects.objects()
        if not objects:
            return {}
        album = album_for(len(self.run.model.scene_objects.names))
        find_views(self.run, objects if album.is_full else ())
        scenes, rows = self._scenes(), {}
        for one in track(objects, "Picturing objects", console=CONSOLE, transient=True):
            rows[one.name], overlays = picture_object(self._subject(one, scenes), scenes, album)
            if overlays:
                entries[one.name] = entries[one.name].outlined(overlays)
        return rows

    def _scenes(self) -> Scenes:
        model, views = self.run.model, self.run.views.captured
        after = model.scene
        return Scenes(
            before=model.scene_before if model.scene_composite.is_composed else after,
            after=after,
            views=views,
            up=up_direction(torch.stack([view.viewmat for view in views]).cpu()),
            antialiased=model.config.rasterize_mode == "antialiased",
        )

    def _subject(self, one: LiftedObject, scenes: Scenes) -> Subject:
        model, store = self.run.model, self.run.model.scene_proxies
        own = scenes.before[model.scene_composite.own(one).indices]
        is_composed = one.name in model.scene_composite.names
        center, diagonal = one.frame.center, one.frame.diagonal
        proxy = alone = placement = None
        if one.name in store.names:
            placement, gaussians = store.record(one.name).placement, store.proxy(one.name).gaussians
            pose = _best_pose(placement)
            alone = transform_gaussians(gaussians, pose or _around(center, diagonal))
            proxy = None if pose is None else alone
            if isinstance(placement, Placed):
                center, diagonal = placement.pose.translation.to(center), placement.pose.scale
        return Subject(
            label=one.label,
            center=center,
            diagonal=diagonal,
            own=own,
            shown=scenes.after[model.scene_composite.shown(one).indices] if is_composed else own,
            proxy=proxy,
            is_believed=isinstance(placement, Placed),
            proxy_alone=alone,
            visible_shares=dict(one.visible_shares),
            crops=model.scene_objects.views.get(one.name, ()),
        )


def _best_pose(placement: Placement) -> Similarity | None:
    """The pose of a proxy, or the best one that was refused."""
    match placement:
        case Placed(pose=pose):
            return pose
        case Refused(best=best):
            return best
        case _:
            return None


def _flat(options: object, prefix: str) -> Facts:
    """The options of a group and of those below it, as `ns-train` calls them."""
    flat: Facts = {}
    for name, value in vars(options).items():
        path = f"{prefix}.{name.replace('_', '-')}"
        is_plain = value is None or isinstance(value, (str, int, float))
        flat |= _flat(value, path) if is_dataclass(value) else {path: value if is_plain else str(value)}
    return flat


def _around(center: torch.Tensor, diagonal: float) -> Similarity:
    """A pose for what has none: upright where the object is, and as large."""
    return Similarity(torch.eye(3, dtype=torch.float64), center.double().cpu(), diagonal)


def _versions() -> dict[str, str]:
    versions = {"scorp": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed as a package"
    return versions


def _machine(device: torch.device | str) -> Facts:
    kind = torch.device(device).type
    has_name = kind != "cpu" and torch.cuda.is_available()
    name = torch.cuda.get_device_name() if has_name else platform.processor() or platform.machine()
    return {"device": kind, "processor": name, "cores": os.cpu_count() or 1, "system": platform.platform()}
