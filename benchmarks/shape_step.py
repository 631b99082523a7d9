"""How much nearer to the true objects do placed proxies come by stretching and bending them?

    python benchmarks/shape_step.py CAPTURE [CAPTURE ...] [--missing 2_3 4_5 6_7] [--requests FOLDER]

CAPTURE and FOLDER are what `pose_search.py` takes. Every proxy of the capture is made a field, placed, and mended, as
in a run; then the surfaces of the fields are measured. chamfer: mean of the two mean distances between 50 000 points
on the proxy's and the true surface, in % of the diagonal; 0.3 is what two draws of one surface have, and 0.003 by how
much other draws change it. mIoU: of the proxy's silhouette, by rays through pixels' centres, and the true mask over
the withheld views, but for pixels where the proxy is behind what is really there. true: at the true pose, found: where
it was placed, mended: after the step; pose: errors in degrees, % and % of the diagonal, found and mended; s: processor
seconds of placing and of mending.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
import trimesh
from PIL import Image
from pose_search import Truth, read_requests

from scorp_ns.cameras import Camera
from scorp_ns.evaluate.geometry import SAMPLES, nearest_distances
from scorp_ns.evaluate.mesh_views import MeshCaster
from scorp_ns.evaluate.meshes import Mesh, read_mesh
from scorp_ns.evaluate.truth import read_true_pose
from scorp_ns.fields.config import FieldConfig
from scorp_ns.fields.distillation import distill
from scorp_ns.fields.surface_gaussians import mesh_of, surface_gaussians
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.generate.canonical.canonicalising import canonicalise
from scorp_ns.generate.generator import Work
from scorp_ns.pose.config import SearchConfig
from scorp_ns.products import Proxy, ProxyAsset, ProxyRequest
from scorp_ns.stages.mend import mend
from scorp_ns.stages.place import PlacingError, place
from scorp_ns.surfaces.mesh import ColoredMesh

BEHIND = 0.02
"""A proxy is hidden where what is really there is nearer by more than this share of the diagonal."""


@dataclass(frozen=True)
class WithheldView:
    """A view that the run never saw, and what it really shows."""

    viewmat: torch.Tensor
    mask: np.ndarray
    depth: np.ndarray


@dataclass(frozen=True)
class TrueObject:
    """What proxies of an object are measured by."""

    mesh: Mesh
    truth: Truth
    K: torch.Tensor
    views: tuple[WithheldView, ...]

    def scores(self, proxy: Proxy, T_capture_proxy: Similarity) -> tuple[float, float]:
        """Chamfer distance in % of the diagonal, and mean IoU over the withheld views."""
        surface = mesh_of(proxy.field, 1 / 128).moved(T_capture_proxy)
        placed = Mesh(surface.vertices.astype(np.float64), surface.faces)
        one, other = nearest_distances(self.mesh.sample(SAMPLES, 0), placed.sample(SAMPLES, 1))
        caster, diagonal = MeshCaster([placed]), self.truth.diagonal
        shares = [self._iou(caster, view, diagonal) for view in self.views]
        return 50 * float(one.mean() + other.mean()) / diagonal, float(np.mean(shares))

    def _iou(self, caster: MeshCaster, view: WithheldView, diagonal: float) -> float:
        height, width = view.mask.shape
        seen = caster.view(Camera(view.viewmat, self.K, width, height))
        shown, depth = seen.silhouette.numpy(), seen.depth.numpy()
        counts = view.mask | ~(view.depth < depth - BEHIND * diagonal)
        return float((shown & view.mask).sum() / max(1, ((shown | view.mask) & counts).sum()))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("captures", nargs="+", type=Path)
    parser.add_argument("--missing", nargs="+", default=["2_3", "4_5", "6_7"])
    parser.add_argument("--requests", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'':34} chamfer: true  found mended   mIoU: true  found mended")
    rows = []
    for capture in arguments.captures:
        for missing in arguments.missing:
            for request in read_requests(capture.resolve(), missing, arguments.requests):
                true_object = read_object(capture, missing, request.name)
                row = measure(f"{capture.name:10} {missing:4} {request.name:18}", capture, request, true_object)
                if row is not None:
                    rows.append(row)
    mean, numbers = np.mean(rows, axis=0), np.array(rows)
    print(f"{'mean of ' + str(len(rows)):34} {' ' * 7}" + _columns(mean))
    worse = (numbers[:, 2] > numbers[:, 1]) | (numbers[:, 5] < numbers[:, 4])
    print(f"{int(worse.sum())} of them worse in chamfer distance or mIoU than where they were placed")


def measure(title: str, capture: Path, request: ProxyRequest, true_object: TrueObject) -> list[float] | None:
    """Both measures of the proxy at its true pose, where it was found, and mended; None where it was refused."""
    proxy, identity, config = read_proxy(capture, request.name), Similarity.identity(), SearchConfig()
    started = time.process_time()
    try:
        found = place(proxy, request, identity, config, Work()).T_world_proxy
    except PlacingError as error:
        print(f"{title} refused: {error.found}")
        return None
    placing, started = time.process_time() - started, time.process_time()
    mended = mend(replace(proxy, T_world_proxy=found), request, identity, config.shape, config.seed, Work())
    mending = time.process_time() - started
    truth = true_object.truth.T_capture_proxy @ proxy.T_asset_proxy
    after, pose = (proxy, found) if mended is None else (mended, mended.T_world_proxy)
    assert pose is not None
    three = [true_object.scores(proxy, truth), true_object.scores(proxy, found), true_object.scores(after, pose)]
    row = [one[0] for one in three] + [one[1] for one in three]
    errors = [replace(true_object.truth, T_capture_proxy=truth).errors(where) for where in (found, pose)]
    poses = " -> ".join(f"{e.rotation_deg:.2f} {e.scale_pct:.2f} {e.translation_pct:.2f}" for e in errors)
    facts = "" if mended is None else " ".join(f"{key} {value:.3f}" for key, value in mended.evidence.items())
    print(f"{title} {' ' * 7}{_columns(row)}  pose {poses}  {placing:.1f} + {mending:.1f} s  {facts}", flush=True)
    return row


def _columns(row: list[float] | np.ndarray) -> str:
    return f"{row[0]:6.3f} {row[1]:6.3f} {row[2]:6.3f}       {row[3]:6.3f} {row[4]:6.3f} {row[5]:6.3f}"


@cache
def read_proxy(capture: Path, name: str) -> Proxy:
    """The capture's proxy, as a run makes it of the file."""
    asset = trimesh.load(capture / "proxies" / f"{name}.glb", force="mesh", process=False)
    colors = np.asarray(asset.visual.vertex_colors)[:, :3].astype(np.float32) / 255
    mesh = ColoredMesh(np.asarray(asset.vertices, np.float32), np.asarray(asset.faces, np.int64), colors)
    shape, config = canonicalise(ProxyAsset(mesh, made_by="asset"), name), FieldConfig()
    field = distill(shape.mesh, config)
    return Proxy(
        name=name, field=field, gaussians=surface_gaussians(field, config), T_world_proxy=None,
        T_asset_proxy=shape.T_asset_proxy, made_by="asset",
    )  # fmt: skip


def read_object(capture: Path, missing: str, name: str) -> TrueObject:
    """The true surface and pose of an object, and what the withheld views show of it."""
    transforms = json.loads((capture / "transforms.json").read_text())
    frames = {frame["file_path"]: frame for frame in transforms["frames"]}
    (number,) = (one["id"] for one in json.loads((capture / "objects.json").read_text()) if one["name"] == name)
    depths = np.load(capture / "depth.npz")
    places = {path: index for index, path in enumerate(depths["file_path"].tolist())}
    millimetres = depths["depth_mm"]
    views = []
    for path in json.loads((capture / "splits.json").read_text())[f"missing_{missing}"]["test"]:
        frame = frames[path]
        pose = (
            torch.tensor(frame["transform_matrix"], dtype=torch.float64)
            @ torch.diag(torch.tensor([1.0, -1, -1, 1])).double()
        )
        mask = np.asarray(Image.open(capture / frame["object_mask_path"])) == number
        views.append(WithheldView(torch.linalg.inv(pose), mask, millimetres[places[path]] / 1000))
    mesh = read_mesh(capture / "gt" / f"{name}.ply")
    true = read_true_pose(capture / "proxies" / f"{name}.truth.json")
    K = torch.tensor([[transforms["fl_x"], 0, transforms["cx"]], [0, transforms["fl_y"], transforms["cy"]], [0, 0, 1]])
    truth = Truth(true.T_capture_proxy, true.symmetries, mesh.center, mesh.diagonal)
    return TrueObject(mesh, truth, K, tuple(views))


if __name__ == "__main__":
    main()
