"""Between the training run and its report: facts and pictures of every object are gathered, and written as a page."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, cast

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
from scorp_ns.report.kit.facts import plain_json
from scorp_ns.report.kit.writing import write_text
from scorp_ns.report.of_run.facts import (
    FORMAT,
    Cost,
    MasksFacts,
    ObjectEntry,
    RunReport,
    SceneFacts,
    check_run_report,
)
from scorp_ns.report.of_run.page import run_page
from scorp_ns.report.of_run.pictures import Row, Scenes, Subject, album_for, picture_object
from scorp_ns.run.lifting import ObjectFlow, captured_views
from scorp_ns.run.object_facts import Facts, ObjectFacts
from scorp_ns.scene.composite import ONLY_AFTER, ONLY_BEFORE

if TYPE_CHECKING:
    from scorp_ns.data.datamanager import ScorpDataManager
    from scorp_ns.model import ScorpModel
    from scorp_ns.trainer import ScorpTrainer

REPORT_FILE, PAGE_FILE = "report.json", "report.html"
"""What is written beside the run's configuration."""

PACKAGES = ("nerfstudio", "torch", "gsplat", "numba")
"""Whose versions are told, beside our own and Python's."""


class ReportFlow:
    """The report of one training run."""

    def __init__(self, model: ScorpModel, trainer: ScorpTrainer, objects: ObjectFlow) -> None:
        self.model, self.objects, self.clock, self.config = model, objects, trainer.clock, trainer.config
        self.datamanager = cast("ScorpDataManager", trainer.pipeline.datamanager)
        self.folder = trainer.base_dir
        # Training counts down from what the whole run has now.
        self.num_iterations = trainer.config.max_num_iterations

    def finish(self) -> None:
        """At the end of the run: write the report, and tell where it is; a failure costs the report, not the run."""
        try:
            self._write()
        except ScorpError as error:
            CONSOLE.print(f"{error} The run itself is complete.", style="bold yellow", markup=False)

    def finish_early(self, step: int) -> None:
        """After an interruption at an iteration: write the report of what there is, if that can be done."""
        CONSOLE.print("Interrupted: writing the report of what there is. Ctrl-C again leaves it out.", markup=False)
        try:
            self._write(step)
        except Exception as error:  # Anything may be half done where the interruption came.
            CONSOLE.print(f"The report could not be written: {error}", style="bold yellow", markup=False)

    def _write(self, interrupted_at: int | None = None) -> None:
        """Write the report, and tell where it is."""
        with self.clock.stage("report"):
            facts = ObjectFacts(self.model, self.datamanager, self.clock.of_objects)
            entries = {name: facts.of(name) for name in facts.names}
            pictures = self._pictures(entries)
        document = plain_json(self._report(entries, interrupted_at))
        report = check_run_report(document)
        write_text(self.folder / REPORT_FILE, json_text(document))
        page = write_text(self.folder / PAGE_FILE, run_page(report, pictures))
        CONSOLE.print(f"What became of the run and its objects: {page}", markup=False)

    def _report(self, entries: Mapping[str, ObjectEntry], interrupted_at: int | None) -> RunReport:
        masks, check = self.datamanager.given_masks, self.datamanager.mask_check
        of_masks = None
        if masks is not None and check is not None:
            of_masks = MasksFacts(masks.source, check.num_frames, check.num_maps)
        warned = [] if check is None else check.warning_lines()
        return RunReport(
            format=FORMAT,
            scorp=__version__,
            date=datetime.now().astimezone().isoformat(timespec="seconds"),
            capture=str(self.datamanager.get_datapath()),
            experiment=self.config.experiment_name or "",
            method=self.config.method_name or "",
            iterations=self.num_iterations,
            interrupted_at=interrupted_at,
            scene=self._scene(),
            masks=of_masks,
            objects=entries,
            stages={name: Cost(**cost) for name, cost in self.clock.state().items()},
            warnings=[*warned, *self.objects.warnings],
            settings=self._settings(),
            versions=_versions(),
            machine=_machine(self.model.device),
        )

    def _scene(self) -> SceneFacts:
        layers, number = self.model.scene_composite.layers, len(self.model.gauss_params["means"])
        return SceneFacts(
            gaussians=number - int((layers == ONLY_BEFORE).sum()),
            gaussians_before=number - int((layers == ONLY_AFTER).sum()),
            training_views=len(self.datamanager.train_dataset),
            evaluation_views=len(self.datamanager.eval_dataset),
        )

    def _settings(self) -> Facts:
        """The options that decide what objects become, without those of generators, which may hold secrets."""
        config = self.model.config
        settings: Facts = {"machine.seed": self.config.machine.seed}
        settings["pipeline.model.generator.name"] = config.generator.name
        for name, maker in config.generator.per_object.items():
            settings[f"pipeline.model.generator.per-object {name}"] = maker
        for group, options in {"place": config.place, "compose": config.compose, "schedule": config.schedule}.items():
            settings |= _flat(options, f"pipeline.model.{group}")
        return settings

    def _pictures(self, entries: dict[str, ObjectEntry]) -> dict[str, list[Row]]:
        """The pictures of every lifted object; what they tell of placing goes into the facts as well."""
        model, album = self.model, album_for(len(self.model.scene_objects.names))
        objects = model.scene_objects.objects()
        if not objects:
            return {}
        self.objects.lifting.find_views(objects if album.is_full else ())
        scenes, rows = self._scenes(), {}
        for one in track(objects, "Picturing objects", console=CONSOLE, transient=True):
            rows[one.name], overlays = picture_object(self._subject(one, scenes), scenes, album)
            if overlays:
                entries[one.name] = entries[one.name].outlined(overlays)
        return rows

    def _scenes(self) -> Scenes:
        model = self.model
        views = captured_views(model, self.datamanager)
        after = model.scene
        return Scenes(
            before=model.scene_before if model.scene_composite.is_composed else after,
            after=after,
            views=views,
            up=up_direction(torch.stack([view.viewmat for view in views]).cpu()),
            antialiased=model.config.rasterize_mode == "antialiased",
        )

    def _subject(self, one: LiftedObject, scenes: Scenes) -> Subject:
        model, store = self.model, self.model.scene_proxies
        own_rows = model.scene_composite.own(one).indices
        own = scenes.before[own_rows]
        is_composed = one.name in model.scene_composite.names
        center, diagonal = one.frame.center, one.frame.diagonal
        proxy = alone = None
        if one.name in store.names:
            known = store.proxy(one.name)
            pose = known.T_world_proxy or store.refused(one.name)
            placed = transform_gaussians(known.gaussians, pose or _around(center, diagonal))
            proxy, alone = None if pose is None else placed, placed
            if known.T_world_proxy is not None:
                center, diagonal = known.T_world_proxy.translation.to(center), known.T_world_proxy.scale
        return Subject(
            label=one.label,
            center=center,
            diagonal=diagonal,
            own=own,
            shown=scenes.after[model.scene_composite.shown(one).indices] if is_composed else own,
            proxy=proxy,
            is_believed=one.name in store.names and store.is_placed(one.name),
            proxy_alone=alone,
            visible_shares=dict(one.visible_shares),
            crops=model.scene_objects.views.get(one.name, ()),
        )


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
