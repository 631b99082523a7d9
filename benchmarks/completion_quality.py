"""How complete and how true are the objects that `symmetry` makes of what `ns-train scorp-quick` lifts?

    python benchmarks/completion_quality.py CAPTURE [CAPTURE ...] [--missing 2_3 4_5 6_7] [--runs CONFIG ...]

A capture is a folder like those in shared/captures (see lifting_quality.py). With --runs, finished runs are measured
instead of training: the config.yml files of as many runs as there are captures and missing shares, captures first.

c2: share of the true surface within 2 % of its diagonal of the completed one; p2: share of the completed surface so
near to the true one; lifted: c2 of the lifted object alone, by its rendered depth in the views it was trained on.
spill: pixels of the completed object's silhouette outside its mask, where nothing hides it, in % of its silhouette.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import trimesh
from lifting_quality import train, with_split
from scipy.spatial import KDTree

NEAR = 0.02
SAMPLES = 50_000
HIDDEN = 0.02
"""A surface is hidden by what is nearer by more than this share of the diagonal."""


@dataclass(frozen=True)
class Scores:
    """How one completed object agrees with the truth."""

    c2: float
    p2: float
    lifted: float
    spill: float
    hypothesis: str
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("captures", nargs="+", type=Path)
    parser.add_argument("--missing", nargs="+", default=["4_5"])
    parser.add_argument("--runs", nargs="+", type=Path)
    arguments = parser.parse_args()
    splits = [(capture.resolve(), missing) for capture in arguments.captures for missing in arguments.missing]
    if arguments.runs and len(arguments.runs) != len(splits):
        parser.error(f"{len(arguments.runs)} runs for {len(splits)} captures and shares; give one each")
    print(
        f"{'capture':12} {'missing':8} {'object':16} {'c2':>6} {'p2':>6} {'lifted':>6} {'spill':>6} {'s':>5} hypothesis"
    )
    means = []
    for index, (capture, missing) in enumerate(splits):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            config = arguments.runs[index] if arguments.runs else _trained(capture, missing, folder)
            for name, one in _measure(config, capture):
                figures = f"{one.c2:6.1%} {one.p2:6.1%} {one.lifted:6.1%} {one.spill:6.2%} {one.seconds:5.1f}"
                print(f"{capture.name:12} {missing:8} {name:16} {figures}  {one.hypothesis}", flush=True)
                means.append((one.c2, one.p2, one.lifted, one.spill))
    c2, p2, lifted, spill = np.mean(means, axis=0)
    print(f"{'mean':38} {c2:6.1%} {p2:6.1%} {lifted:6.1%} {spill:6.2%}")


def _trained(capture: Path, missing: str, folder: Path) -> Path:
    return train(with_split(capture, missing, folder / "capture"), capture / "masks", folder, "true", [])


def _measure(config: Path, capture: Path) -> Iterator[tuple[str, Scores]]:
    """The scores of each object that a finished run has lifted."""
    from nerfstudio.utils.eval_utils import eval_setup

    from scorp_ns.generate.generator import Work
    from scorp_ns.generate.symmetry.config import SymmetryConfig
    from scorp_ns.lift.scene_depths import SceneDepths
    from scorp_ns.products import ObjectInfo
    from scorp_ns.run.object_editing import lift_masks
    from scorp_ns.stages.propose import request_proxy

    with contextlib.redirect_stdout(sys.stderr):
        _, pipeline, _, _ = eval_setup(config, test_mode="test")
        model, datamanager = pipeline.model, pipeline.datamanager
        to_world, views = datamanager.capture_to_world, pipeline.run.views.captured
        lift_masks(pipeline.run)
        depths = SceneDepths(model.scene, views)
    meshes = {entry["name"]: capture / entry["mesh"] for entry in json.loads((capture / "objects.json").read_text())}
    for one in model.scene_objects.objects():
        best_views = model.scene_objects.views[one.name]
        request = request_proxy(depths, one, ObjectInfo(one.name), best_views, to_world, 1)
        begin = time.perf_counter()
        asset = SymmetryConfig().build().generate(request, Work())
        seconds = time.perf_counter() - begin
        true_mesh = trimesh.load(meshes[one.name])
        truth, _ = trimesh.sample.sample_surface(true_mesh, SAMPLES, seed=0)
        near = NEAR * np.linalg.norm(np.ptp(true_mesh.vertices, axis=0))
        found = asset.shape.sample(SAMPLES).points
        lifted = to_world.inverse().apply(_lifted_points(model.scene[one.indices], views)).numpy()
        scores = Scores(
            c2=_share_near(truth, found, near),
            p2=_share_near(found, truth, near),
            lifted=_share_near(truth, lifted, near),
            spill=_spill(asset.shape, request),
            hypothesis=str(asset.evidence["hypothesis"]),
            seconds=seconds,
        )
        yield one.name, scores


def _share_near(points: np.ndarray, others: np.ndarray, near: float) -> float:
    return float((KDTree(others).query(points)[0] <= near).mean())


def _lifted_points(own, views) -> torch.Tensor:
    from scorp_ns.render.surface_depth import render_depths

    points = []
    for view in views:
        depths = render_depths(own, view.camera)
        points.append(view.camera.unproject(depths.depth, depths.is_solid))
    points = torch.cat(points).double().cpu()
    return points[:: max(1, len(points) // SAMPLES)]


def _spill(mesh, request) -> float:
    from scorp_ns.products import BACKGROUND, OCCLUDER
    from scorp_ns.surfaces.queries import SurfaceQueries

    queries, spilt, total = SurfaceQueries(mesh), 0, 0
    for window in request.windows:
        K, viewmat = window.K.numpy(), window.viewmat.double().numpy()
        rows, columns = np.indices(window.depth.shape) + 0.5
        rays = np.stack([(columns - K[0, 2]) / K[0, 0], (rows - K[1, 2]) / K[1, 1], np.ones_like(rows)], axis=-1)
        directions = (rays @ viewmat[:3, :3]).reshape(-1, 3).astype(np.float32)
        origins = np.broadcast_to(-viewmat[:3, :3].T @ viewmat[:3, 3], directions.shape).astype(np.float32)
        depth = queries.cast(origins, directions).distances.reshape(window.depth.shape)
        is_open = (depth < window.depth + HIDDEN * request.frame.diagonal) & (window.trimap != OCCLUDER)
        spilt += (np.isfinite(depth) & is_open & (window.trimap == BACKGROUND)).sum()
        total += np.isfinite(depth).sum()
    return float(spilt / max(1, total))


if __name__ == "__main__":
    main()
