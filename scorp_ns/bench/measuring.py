"""Scores of a finished training run, by the definitions of the missing-viewpoint protocol."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Bool, Int16
from nerfstudio.utils.eval_utils import eval_setup
from torch import Tensor

from scorp_ns.bench.beforehand import refuse_unknown
from scorp_ns.bench.captures import BenchCapture
from scorp_ns.bench.pictures import write_pictures
from scorp_ns.bench.plan import BenchPlan, Refinement
from scorp_ns.bench.poses import errors_of_pose
from scorp_ns.data.datamanager import ScorpDataManager
from scorp_ns.evaluate.geometry import geometry_scores, sample_mesh
from scorp_ns.evaluate.learned import learned_scores
from scorp_ns.evaluate.mesh_views import MeshCaster
from scorp_ns.evaluate.meshes import read_mesh
from scorp_ns.evaluate.missing_views import MissingSplit
from scorp_ns.evaluate.object_scores import OwnedScene, ViewScores, mean_scores, score_view
from scorp_ns.export.proxy_files import CELLS
from scorp_ns.fields.surface_gaussians import mesh_of
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.lift.object_views import DEPTH_TOLERANCE
from scorp_ns.model import ScorpModel
from scorp_ns.model_config import AFTER, BEFORE
from scorp_ns.products import CapturedView
from scorp_ns.render.surface_depth import render_depths
from scorp_ns.run.run import FOLDER
from scorp_ns.run.stage_clock import read_costs
from scorp_ns.run.stage_runner import COSTS_FILE
from scorp_ns.scene.records import Refused, Unplaced

MOST_POINTS = 50_000
"""More points of a surface measure nothing new."""

OTHER_SETS = ("back", "in_arc", "training")
"""Sets of views, besides the withheld ones, over which objects are measured alone."""

Part = Mapping[str, float] | None
"""Scores of some pixels of a view; None where it has none of them."""


@dataclass(frozen=True)
class MeasuredRun:
    """A trained scene with its objects and all views of its capture, true masks included."""

    model: ScorpModel
    views: dict[str, CapturedView]
    """By the name of the image in the capture."""
    to_world: Similarity
    labels: dict[str, int]
    """The objects that are measured, with their labels in the views."""
    assets: Path | None
    """The folder of the files that became proxies, with their true poses beside them where these are known."""

    def scenes(self) -> dict[str, OwnedScene]:
        """The scene before composing and, if it was composed, after, each Gaussian with the label of its object."""
        stages = (BEFORE, AFTER) if self.model.scene_composite.is_composed else (BEFORE,)
        return {stage: OwnedScene(*self.model.owned(stage)) for stage in stages}


def load_run(config: Path, plan: BenchPlan, way: Refinement) -> MeasuredRun:
    """The run, as nerfstudio's tools load it."""
    with contextlib.redirect_stdout(io.StringIO()):
        _, pipeline, _, _ = eval_setup(config, test_mode="test")
        model, datamanager = cast(ScorpModel, pipeline.model), cast(ScorpDataManager, pipeline.datamanager)
        # Scores are against the masks as they are given.
        datamanager.config.snap_masks = False
        views = _all_views(model, datamanager)
    # Proxies that others make have frames of their own, of which the files' true poses say nothing.
    assets = plan.assets if way.generator == "asset" else None
    return MeasuredRun(model, views, datamanager.capture_to_world, _targets(datamanager, plan), assets)


def _targets(datamanager: ScorpDataManager, plan: BenchPlan) -> dict[str, int]:
    """The objects to measure, with their labels; none where none were lifted."""
    masks = datamanager.object_masks
    if masks is None or not plan.lifts:
        return {}
    names = [info.name for info in masks.objects]
    refuse_unknown(plan.objects, names)
    return {name: label for label, name in enumerate(names, start=1) if not plan.objects or name in plan.objects}


def _all_views(model: ScorpModel, datamanager: ScorpDataManager) -> dict[str, CapturedView]:
    """Training views, then evaluation views, under the names of the mask sources."""
    trained_on = datamanager.captured_views(model.camera_optimizer, model.device)
    views = [*trained_on, *datamanager.evaluation_views(model.device)]
    return {frame.name: view for frame, view in zip(datamanager.mask_frames, views, strict=True)}


def measure(
    run: MeasuredRun, capture: BenchCapture, split: MissingSplit, pictures: Path, report_folder: Path
) -> dict[str, Any]:
    """The split's part of a report: scores of the scene before and after, per set of views and per object."""
    sets = {"withheld": split.withheld, "back": split.back, "in_arc": split.in_arc, "training": split.train}
    meshes = {name: capture.meshes[name] for name in run.labels if name in capture.meshes}
    scenes = run.scenes()
    scores = _score_all(run, scenes, meshes)
    by_set = {
        name: {stage: [of[view] for view in views if view in of] for stage, of in scores.items()}
        for name, views in sets.items()
    }
    result: dict[str, Any] = {
        "missing": float(split.missing),
        "rule": split.rule,
        "views": {name: len(views) for name, views in sets.items()},
        **_means(by_set["withheld"], lambda score: score.alone),
        "context": {stage: _context(of) for stage, of in by_set["withheld"].items()},
        **{name: _means(by_set[name], lambda score: score.alone) for name in OTHER_SETS},
        "objects": {name: _object(run, scenes[BEFORE], name, by_set, meshes.get(name), split) for name in run.labels},
    }
    refused = {name: {"failed": reason} for name, reason in run.model.scene_objects.failures.items()}
    result["objects"] = {**refused, **result["objects"]}
    result["pictures"] = write_pictures(scenes, run.views, split, list(run.labels.values()), pictures, report_folder)
    return result


def stage_costs(config: Path) -> dict[str, dict[str, float]]:
    """Seconds and memory of each stage of a run."""
    return read_costs(config.parent / FOLDER / COSTS_FILE)


def _score_all(
    run: MeasuredRun, scenes: Mapping[str, OwnedScene], meshes: Mapping[str, Path]
) -> dict[str, dict[str, ViewScores]]:
    """The scores of every view, before and after, with the same pixels left out."""
    tracers = {run.labels[name]: MeshCaster([read_mesh(path).moved(run.to_world)]) for name, path in meshes.items()}
    labels, learned = list(run.labels.values()), learned_scores(str(run.model.device))
    scores: dict[str, dict[str, ViewScores]] = {stage: {} for stage in scenes}
    for name, view in run.views.items():
        hidden = {} if view.labels is None else _hidden(scenes[BEFORE], view, view.labels, labels, tracers)
        for stage, scene in scenes.items():
            scores[stage][name] = score_view(scene, view, labels, hidden, learned)
    return scores


def _means(scores: Mapping[str, Sequence[ViewScores]], part: Callable[[ViewScores], Part]) -> dict[str, Any]:
    """The mean of a part of the scores, before and after."""
    return {stage: mean_scores(map(part, of)) for stage, of in scores.items()}


def _hidden(
    scene: OwnedScene,
    view: CapturedView,
    ids: Int16[Tensor, "h w"],
    labels: Sequence[int],
    tracers: Mapping[int, MeshCaster],
) -> dict[int, Bool[Tensor, "h w"]]:
    """The pixels in which something stands before each object: its true surface lies there, and its mask does not.

    Without a true surface the rendered scene must do: what is clearly nearer than the object and none of it.
    """
    hidden = {}
    for label in labels:
        mask = (ids == label).cpu()
        if label in tracers:
            seen = tracers[label].view(view.camera.to("cpu"))
            hidden[label] = seen.silhouette & ~mask
        else:
            own, others = scene.of([label]), scene.gaussians[scene.owners != label]
            hidden[label] = _stands_before(others, own, view) & ~mask
    return hidden


def _stands_before(others: Gaussians, own: Gaussians, view: CapturedView) -> Bool[Tensor, "h w"]:
    size = float((own.means.amax(dim=0) - own.means.amin(dim=0)).norm()) if len(own) else 0.0
    nearer, alone = render_depths(others, view.camera), render_depths(own, view.camera)
    return (alone.is_solid & nearer.is_solid & (nearer.depth < alone.depth - DEPTH_TOLERANCE * size)).cpu()


def _context(scores: Sequence[ViewScores]) -> dict[str, float]:
    whole = [{"full_psnr": score.full_psnr} for score in scores]
    return {**mean_scores(score.context for score in scores), **mean_scores(whole)}


def _object(
    run: MeasuredRun,
    scene: OwnedScene,
    name: str,
    by_set: Mapping[str, Mapping[str, Sequence[ViewScores]]],
    mesh: Path | None,
    split: MissingSplit,
) -> dict[str, Any]:
    """One object's part of a report."""
    label, store = run.labels[name], run.model.scene_objects
    parts: dict[str, Any] = _means(by_set["withheld"], lambda score: score.objects.get(label))
    for views in OTHER_SETS:
        parts[views] = _means(by_set[views], lambda score: score.objects.get(label))
    lifted = store.object(name) if name in store.names else None
    if lifted is None:
        parts["failed"] = store.failures.get(name, "Objects were not lifted.")
    else:
        own = run.model.scene_composite.own(lifted)
        parts["lift"] = {"gaussians": len(own.indices), "mask_iou": own.mask_iou}
    parts |= _proxy_facts(run.model, name) | _composite_facts(run.model, name)
    if mesh is not None:
        parts["geometry"] = {BEFORE: _geometry(run, scene.of([label]), mesh, split)} | _proxy_geometry(run, name, mesh)
    return parts | _pose(run, name, mesh)


def _proxy_facts(model: ScorpModel, name: str) -> dict[str, Any]:
    """Facts of the object's proxy; none if none was tried."""
    store = model.scene_proxies
    if name in store.names:
        record = store.record(name)
        placement = record.placement
        evidence = {fact: value for fact, value in record.evidence.items() if not isinstance(value, str)}
        confidence = {} if isinstance(placement, Unplaced) else dict(placement.confidence)
        facts: dict[str, Any] = {"proxy": {"seconds": record.seconds, "evidence": evidence | confidence}}
        return facts | ({"failed": f"Not placed: {placement.reason}"} if isinstance(placement, Refused) else {})
    return {"failed": f"No proxy: {store.failures[name]}"} if name in store.failures else {}


def _composite_facts(model: ScorpModel, name: str) -> dict[str, Any]:
    """Facts of the composed object; none if it was not to be composed."""
    store = model.scene_composite
    if name in store.names:
        record = store.record(name)
        numbers = {"kept": record.kept, "dropped": record.dropped, "filled": record.filled}
        return {"composite": numbers | dict(record.evidence)}
    return {"failed": f"Not composed: {store.failures[name]}"} if name in store.failures else {}


def _proxy_geometry(run: MeasuredRun, name: str, mesh: Path) -> dict[str, Any]:
    """Geometry scores of a placed proxy's surface against the true one."""
    store = run.model.scene_proxies
    pose = store.pose(name) if name in store.names else None
    if pose is None:
        return {}
    surface = mesh_of(store.proxy(name).field, 1 / CELLS).moved(run.to_world.inverse() @ pose)
    return {AFTER: geometry_scores(sample_mesh(mesh), surface.sample(MOST_POINTS).points.astype(np.float64)).as_dict()}


def _pose(run: MeasuredRun, name: str, mesh: Path | None) -> dict[str, Any]:
    """The error of the proxy's pose, if it has one and the true one is known."""
    store = run.model.scene_proxies
    if run.assets is None or name not in store.names:
        return {}
    errors = errors_of_pose(store.proxy(name), run.assets, mesh, run.to_world)
    return {"pose": errors} if errors else {}


def _geometry(run: MeasuredRun, own: Gaussians, mesh: Path, split: MissingSplit) -> dict[str, float | None]:
    """Geometry scores of the object's rendered surface, seen from all training views, against the true one."""
    points = [np.empty((0, 3))]
    for name in split.train:
        camera = run.views[name].camera
        depths = render_depths(own, camera)
        seen = camera.unproject(depths.depth, depths.is_solid)
        points.append(run.to_world.inverse().apply(seen.double()).cpu().numpy())
    surface = np.concatenate(points)
    return geometry_scores(sample_mesh(mesh), surface[:: max(1, len(surface) // MOST_POINTS)]).as_dict()
