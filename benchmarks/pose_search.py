"""How well are complete proxies placed by partial views, beside ICP from many starts at the scale of bounding boxes?

    python benchmarks/pose_search.py CAPTURE [CAPTURE ...] [--missing 2_3 4_5 6_7] [--seeds 2]
    python benchmarks/pose_search.py CAPTURE [CAPTURE ...] --requests FOLDER [--matcher none] [--rotations 3000]

A capture is a folder like those in shared/captures: `proxies/` holds a proxy of each object and its true pose, `gt/`
the true surfaces. Scenes are trained by `ns-train scorp-quick`; FOLDER may hold requests of finished runs instead,
pickled as <capture>_missing_<share>__<object>.pkl. Each proxy is turned at random beforehand, differently for each
seed.

rot, scale, move: errors in degrees, % and % of the diagonal, modulo true symmetries; right: below 5, 4 and 3. The rows
of `matches` are the first of the poses that the matcher gave the search to start from, wrong where it gave none; those
of `icp` are open3d's point-to-point ICP from 64 rotations, which is told the observed points and the scale of boxes.
"""

from __future__ import annotations

import argparse
import contextlib
import pickle
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import trimesh
from lifting_quality import train, with_split
from scipy.spatial.transform import Rotation

from scorp_ns.evaluate.pose import PoseErrors, pose_errors
from scorp_ns.evaluate.symmetries import SymmetryGroup
from scorp_ns.evaluate.truth import read_true_pose
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.match.config import MatchingConfig
from scorp_ns.match.matcher import Matcher
from scorp_ns.match.poses import matched_poses
from scorp_ns.plugins.matchers import MatcherChoice
from scorp_ns.pose.config import SearchConfig
from scorp_ns.pose.rotations import even_rotations
from scorp_ns.pose.search import search_pose
from scorp_ns.products import ObjectInfo, ProxyRequest
from scorp_ns.surfaces.mesh import ColoredMesh

NUM_STARTS = 64
"""Of ICP."""


@dataclass(frozen=True)
class Truth:
    """Where a proxy belongs, and the true object it is measured by."""

    T_capture_proxy: Similarity
    symmetries: SymmetryGroup
    center: np.ndarray
    diagonal: float

    def errors(self, found: Similarity) -> PoseErrors:
        return pose_errors(found, self.T_capture_proxy, self.center, self.diagonal, self.symmetries)


@dataclass(frozen=True)
class Row:
    """How one search ended."""

    errors: PoseErrors
    seconds: float
    is_trusted: bool
    facts: str

    @property
    def is_right(self) -> bool:
        return self.errors.rotation_deg < 5 and self.errors.scale_pct < 4 and self.errors.translation_pct < 3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("captures", nargs="+", type=Path)
    parser.add_argument("--missing", nargs="+", default=["2_3", "4_5", "6_7"])
    parser.add_argument("--requests", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--matcher", default=MatcherChoice().name)
    parser.add_argument("--rotations", type=int, default=SearchConfig().num_rotations)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'capture':10} {'missing':8} {'object':16} {'by':7} {'rot':>6} {'scale':>6} {'move':>6} {'s':>5}")
    rows: dict[str, list[Row]] = {"matches": [], "search": [], "icp": []}
    matcher, config = MatcherChoice(arguments.matcher).build(), SearchConfig(num_rotations=arguments.rotations)
    for capture in arguments.captures:
        for missing in arguments.missing:
            for request in read_requests(capture.resolve(), missing, arguments.requests):
                for seed in range(arguments.seeds):
                    mesh, truth = _turned_proxy(capture, request.name, seed)
                    for by, row in measure(request, mesh, truth, matcher, config).items():
                        rows[by].append(row)
                        _print_row(f"{capture.name:10} {missing:8} {request.name:16} {by:7}", row)
    for by, found in rows.items():
        _print_summary(by, found)


def measure(
    request: ProxyRequest, mesh: ColoredMesh, truth: Truth, matcher: Matcher | None, config: SearchConfig
) -> dict[str, Row]:
    """Errors of matches, of the search that starts from them too, and of ICP."""
    started = time.process_time()
    starts = () if matcher is None else matched_poses(request, mesh, matcher, MatchingConfig())
    matching_seconds = time.process_time() - started
    by_matches = starts[0] if starts else Similarity.identity()
    started = time.process_time()
    result = search_pose(request, mesh, config, starts)
    seconds, best = time.process_time() - started, result.best
    found = Similarity.identity() if best is None else best.T_capture_proxy
    facts = f"margin {result.margin:.3f}"
    if best is not None:
        facts += f" explained {best.explained:.3f} spill {best.spill:.3f} distance {best.distance:.4f}"
    started = time.process_time()
    by_icp = _icp(request, mesh)
    return {
        "matches": Row(truth.errors(by_matches), matching_seconds, True, ""),
        "search": Row(truth.errors(found), seconds, result.is_trusted, facts),
        "icp": Row(truth.errors(by_icp), time.process_time() - started, True, ""),
    }


def _icp(request: ProxyRequest, mesh: ColoredMesh) -> Similarity:
    """The best of many rigid point-to-point alignments, at the scale of the lifted object's box."""
    import open3d

    scale, points = request.frame.diagonal, request.gaussians.means.double().numpy()
    source, target = open3d.geometry.PointCloud(), open3d.geometry.PointCloud()
    source.points = open3d.utility.Vector3dVector(points[:: max(1, len(points) // 2000)])
    target.points = open3d.utility.Vector3dVector(scale * mesh.sample(4000).points.astype(np.float64))
    middle, best, found = request.frame.center.double().numpy(), (-1.0, 0.0), np.eye(4)
    for rotation in even_rotations(NUM_STARTS):
        start = np.eye(4)
        start[:3, :3], start[:3, 3] = rotation, -rotation @ middle
        registered = open3d.pipelines.registration.registration_icp(source, target, 0.1 * scale, start)
        quality = registered.fitness, -registered.inlier_rmse
        if quality > best:
            best, found = quality, registered.transformation
    rotation, shift = found[:3, :3].copy(), found[:3, 3].copy()
    U, _, Vt = np.linalg.svd(rotation)
    rigid = Similarity(torch.from_numpy(U @ Vt), torch.from_numpy(shift), 1.0)
    sized = Similarity(torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64), scale)
    return rigid.inverse() @ sized


def _turned_proxy(capture: Path, name: str, seed: int) -> tuple[ColoredMesh, Truth]:
    """The proxy, turned at random, its box centred and of diagonal 1; and where it belongs."""
    asset = trimesh.load(capture / "proxies" / f"{name}.glb", force="mesh", process=False)
    turn = Rotation.random(random_state=seed).as_matrix()
    vertices = np.asarray(asset.vertices, np.float64) @ turn.T
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    middle, size = (low + high) / 2, float(np.linalg.norm(high - low))
    colors = np.asarray(asset.visual.vertex_colors)[:, :3] / 255
    mesh = ColoredMesh(
        ((vertices - middle) / size).astype(np.float32), np.asarray(asset.faces, np.int64), colors.astype(np.float32)
    )
    T_asset_proxy = Similarity(torch.from_numpy(turn.T.copy()), torch.from_numpy(turn.T @ middle), size)
    true = read_true_pose(capture / "proxies" / f"{name}.truth.json")
    low, high = trimesh.load(capture / "gt" / f"{name}.ply", process=False).bounds
    return mesh, Truth(
        true.T_capture_proxy @ T_asset_proxy, true.symmetries, (low + high) / 2, float(np.linalg.norm(high - low))
    )


def read_requests(capture: Path, missing: str, folder: Path | None) -> list[ProxyRequest]:
    """What generators are told of each object: from pickles, or from a scene that is trained now."""
    if folder is not None:
        paths = sorted(folder.glob(f"{capture.name}_missing_{missing}__*.pkl"))
        return [pickle.loads(path.read_bytes()) for path in paths]
    with tempfile.TemporaryDirectory() as name:
        data = with_split(capture, missing, Path(name) / "capture")
        config = train(data, capture / "masks", Path(name), "true", [])
        return _of_run(config)


def _of_run(config: Path) -> list[ProxyRequest]:
    """The requests of a finished run."""
    from nerfstudio.utils.eval_utils import eval_setup

    from scorp_ns.lift.scene_depths import SceneDepths
    from scorp_ns.stages.propose import request_proxy

    with contextlib.redirect_stdout(sys.stderr):
        _, pipeline, _, _ = eval_setup(config, test_mode="test")
        depths = SceneDepths(pipeline.model.scene, pipeline.run.views.captured)
    to_world = pipeline.datamanager.capture_to_world
    lifted = pipeline.model.scene_objects.objects()
    return [request_proxy(depths, one, ObjectInfo(one.name), (), to_world, 1) for one in lifted]


def _print_row(title: str, row: Row) -> None:
    errors, verdict = row.errors, "right" if row.is_right else "WRONG"
    trusted = "trusted" if row.is_trusted else "refused"
    print(
        f"{title} {errors.rotation_deg:6.2f} {errors.scale_pct:6.2f} {errors.translation_pct:6.2f} {row.seconds:5.1f}"
        f" {verdict} {trusted if row.facts else ''} {row.facts}",
        flush=True,
    )


def _print_summary(by: str, rows: list[Row]) -> None:
    numbers = np.array([[one.errors.rotation_deg, one.errors.scale_pct, one.errors.translation_pct] for one in rows])
    middle, right = np.median(numbers, axis=0), sum(one.is_right for one in rows)
    print(
        f"{by:7} right {right} of {len(rows)}; medians {middle[0]:.2f} degrees, {middle[1]:.2f} %, {middle[2]:.2f} %; "
        f"{np.mean([one.seconds for one in rows]):.1f} s"
    )


if __name__ == "__main__":
    main()
