"""How well are objects lifted out of a scene trained by `ns-train scorp-quick`, with true masks and with bad ones?

    python benchmarks/lifting_quality.py CAPTURE [CAPTURE ...] [--missing 2_3 4_5 6_7] [--masks true tight wide mixed]

A capture is a folder like those in shared/captures: `splits.json` says which frames are trained on when a share of the
circle is missing, `objects.json` and `masks/` hold the truth, `gt/` the true surfaces. Bad masks are eroded (tight),
dilated (wide) or either (mixed) by 3 pixels, 10 % of the frames have none, and in 5 % two labels are swapped.

fit: mean intersection over union of each object's rendered alpha (> 0.5), alone, with its true mask over the training
views, pixels of other objects left out; worst is the least of them. far: share of an object's Gaussians further than
10 % of its diagonal from its true surface.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import trimesh
from PIL import Image
from scipy import ndimage
from scipy.spatial import KDTree

BAND = 3
"""Pixels by which bad masks are too wide or too tight."""

SAVED_BEFORE_LIFTING = 1500
"""Runs with bad masks go on from here: the scene does not depend on masks."""


@dataclass(frozen=True)
class Fit:
    """How one lifted object agrees with the truth."""

    mean: float
    worst: float
    far: float


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("captures", nargs="+", type=Path)
    parser.add_argument("--missing", nargs="+", default=["2_3", "4_5", "6_7"])
    parser.add_argument("--masks", nargs="+", default=["true", "mixed"])
    arguments = parser.parse_args()
    print(f"{'capture':12} {'missing':8} {'masks':6} {'object':16} {'fit':>6} {'worst':>6} {'far':>7}")
    for capture in arguments.captures:
        for missing in arguments.missing:
            with tempfile.TemporaryDirectory() as folder:
                _measure_split(capture.resolve(), missing, arguments.masks, Path(folder))


def _measure_split(capture: Path, missing: str, kinds: list[str], folder: Path) -> None:
    """Train once, and lift with each kind of masks."""
    data = with_split(capture, missing, folder / "capture")
    scene: list[str | Path] = []
    for kind in kinds:
        masks = _bad_masks(capture, missing, kind, folder / kind) if kind != "true" else capture / "masks"
        config = train(data, masks, folder, kind, scene)
        scene = ["--load-dir", config.parent / "nerfstudio_models", "--load-step", str(SAVED_BEFORE_LIFTING)]
        for name, fit in _fits(config, capture).items():
            row = f"{capture.name:12} {missing:8} {kind:6} {name:16} {fit.mean:6.3f} {fit.worst:6.3f} {fit.far:7.2%}"
            print(row, flush=True)


def with_split(capture: Path, missing: str, folder: Path) -> Path:
    """The capture with its frames listed as for one missing share."""
    folder.mkdir()
    for path in capture.iterdir():
        if path.name != "transforms.json":
            (folder / path.name).symlink_to(path)
    content = json.loads((capture / "transforms.json").read_text())
    split = json.loads((capture / "splits.json").read_text())[f"missing_{missing}"]
    content |= {"train_filenames": split["train"], "val_filenames": split["test"], "test_filenames": split["test"]}
    (folder / "transforms.json").write_text(json.dumps(content))
    return folder


def _bad_masks(capture: Path, missing: str, kind: str, folder: Path) -> Path:
    """Disturbed copies of the training views' masks; the other views keep theirs."""
    (folder / "masks").mkdir(parents=True)
    (folder / "objects.json").write_bytes((capture / "objects.json").read_bytes())
    random = np.random.default_rng(0)
    stems = [
        Path(name).stem for name in json.loads((capture / "splits.json").read_text())[f"missing_{missing}"]["train"]
    ]
    order = random.permutation(len(stems))
    num_lost, num_swapped = max(1, round(0.1 * len(stems))), max(1, round(0.05 * len(stems)))
    for place, index in enumerate(order):
        if place < num_lost:
            continue
        labels = np.array(Image.open(capture / "masks" / f"{stems[index]}.png"))
        labels = _reshaped(labels, random.choice(["tight", "wide"]) if kind == "mixed" else kind)
        if place < num_lost + num_swapped:
            labels = np.select([labels == 1, labels == 2], [2, 1], labels).astype(np.uint8)
        Image.fromarray(labels).save(folder / "masks" / f"{stems[index]}.png")
    return folder / "masks"


def _reshaped(labels: np.ndarray, kind: str) -> np.ndarray:
    reshape = {"tight": ndimage.binary_erosion, "wide": ndimage.binary_dilation}[kind]
    result = np.zeros_like(labels)
    for label in np.unique(labels[labels > 0]):
        result[reshape(labels == label, iterations=BAND)] = label
    return result


def train(data: Path, masks: Path, folder: Path, kind: str, scene: list[str | Path]) -> Path:
    """The configuration of a finished run."""
    options = ["--vis", "tensorboard", "--output-dir", folder, "--experiment-name", "run", "--timestamp", kind]
    options += ["--steps-per-save", "500", "--save-only-latest-checkpoint", "False", *scene]
    command = [Path(sys.executable).with_name("ns-train"), "scorp-quick", "--data", data, *options]
    command += ["--pipeline.datamanager.masks-path", masks]
    finished = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return folder / "run" / "scorp-quick" / kind / "config.yml"


def _fits(config: Path, capture: Path) -> dict[str, Fit]:
    """How each object of a finished run agrees with the truth; objects that were not lifted agree with nothing."""
    from nerfstudio.utils.eval_utils import eval_setup

    with contextlib.redirect_stdout(sys.stderr):
        _, pipeline, _, _ = eval_setup(config, test_mode="test")
        model, datamanager = pipeline.model, pipeline.datamanager
        views, scene = pipeline.run.views.captured, model.scene
    lifted = {one.name: one.indices for one in model.scene_objects.objects()}
    to_capture, fits = datamanager.capture_to_world.inverse(), {}
    for entry in json.loads((capture / "objects.json").read_text()):
        own = scene[lifted.get(entry["name"], torch.zeros(0, dtype=torch.long))]
        ious = [_iou(own, view, capture, entry["id"]) for view in views]
        ious = [iou for iou in ious if iou is not None]
        far = _share_far(to_capture.apply(own.means.double()).numpy(), trimesh.load(capture / entry["mesh"]))
        fits[entry["name"]] = Fit(float(np.mean(ious)), float(np.min(ious)), far)
    return fits


def _iou(own, view, capture: Path, label: int) -> float | None:
    from scorp_ns.render.surface_depth import render_depths

    labels = np.array(Image.open(capture / "masks" / f"{Path(view.name).stem}.png"))
    mask, counts = labels == label, (labels == label) | (labels == 0)
    silhouette = render_depths(own, view.camera).is_solid.numpy()
    union = ((mask | silhouette) & counts).sum()
    return float((mask & silhouette & counts).sum() / union) if mask.any() else None


def _share_far(points: np.ndarray, mesh: trimesh.Trimesh) -> float:
    if len(points) == 0:
        return 1.0
    surface, _ = trimesh.sample.sample_surface(mesh, 100_000, seed=0)
    distances, _ = KDTree(surface).query(points)
    return float((distances > 0.1 * np.linalg.norm(np.ptp(mesh.vertices, axis=0))).mean())


if __name__ == "__main__":
    main()
