"""The capture of a bench: where its cameras stand, which views serve what, and what is known to be true of it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from scorp_ns.cameras import viewmats_from_camera_to_worlds
from scorp_ns.data.capture.check import check_capture
from scorp_ns.data.capture.reading import TRANSFORMS, Capture
from scorp_ns.data.capture.splits import SPLIT_KEYS
from scorp_ns.errors import CaptureError
from scorp_ns.evaluate.missing_views import MissingSplit, azimuths_deg, split_by_azimuth, split_from_lists, split_name
from scorp_ns.json_files import read_json
from scorp_ns.lift.up_direction import up_direction


@dataclass(frozen=True)
class BenchCapture:
    """A checked capture in nerfstudio's format."""

    capture: Capture
    azimuths: dict[str, float]
    """The direction of each view from what the cameras look at, in degrees, by the name of its image."""
    meshes: dict[str, Path]
    """True surfaces of objects, in the capture's frame, where the capture has them."""

    @property
    def folder(self) -> Path:
        """The capture's folder."""
        return self.capture.folder

    def split(self, missing: Fraction, seed: int) -> MissingSplit:
        """The views for a missing share: as splits.json lists them, or an arc drawn by the seed."""
        listed = self._listed(split_name(missing))
        if listed is None:
            return split_by_azimuth(missing, self.azimuths, seed)
        return split_from_lists(missing, listed["train"], listed["test"], self.azimuths)

    def _listed(self, name: str) -> dict[str, list[str]] | None:
        path = self.folder / "splits.json"
        if not path.is_file():
            return None
        content = read_json(path, CaptureError, "It must be a JSON file.", "Repair or remove it.")
        lists = content.get(name) if isinstance(content, dict) else None
        if not isinstance(lists, dict):
            return None
        lists = {part: [Path(view).as_posix() for view in lists.get(part, [""])] for part in ("train", "test")}
        unknown = [view for views in lists.values() for view in views if view not in self.azimuths]
        if unknown:
            raise CaptureError(
                f"'{name}' in {path} lists '{unknown[0]}', which is no frame of {self.capture.path}.",
                "A split needs the lists 'train' and 'test' of frames by their file_path.",
                "Correct the file, or remove it: the bench then makes splits itself.",
            )
        return lists


def read_bench_capture(data: Path) -> BenchCapture:
    """The capture, checked as for training."""
    capture = check_capture(data, None)
    # Without the './' that some programs write, as the masks know the images.
    names = [Path(frame["file_path"]).as_posix() for frame in capture.frames]
    poses = torch.tensor([frame["transform_matrix"] for frame in capture.frames], dtype=torch.float64)
    up = up_direction(viewmats_from_camera_to_worlds(poses[:, :3])).numpy()
    origins, directions = poses[:, :3, 3].numpy(), -poses[:, :3, 2].numpy()
    angles = azimuths_deg(origins, _looked_at(origins, directions), up)
    return BenchCapture(capture, dict(zip(names, angles.tolist(), strict=True)), _meshes(capture.folder))


def _looked_at(origins: Float[np.ndarray, "n 3"], directions: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " 3"]:
    """The point nearest to all optical axes: it minimises the squared distances to them."""
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    across = np.eye(3) - directions[:, :, None] * directions[:, None, :]
    return np.linalg.lstsq(across.sum(axis=0), (across @ origins[:, :, None]).sum(axis=0)[:, 0], rcond=None)[0]


def _meshes(folder: Path) -> dict[str, Path]:
    """The true surfaces that objects.json names under 'mesh'."""
    path = folder / "objects.json"
    entries = read_json(path, CaptureError, "It must be a JSON file.", "Repair or remove it.") if path.is_file() else []
    if not isinstance(entries, list):
        return {}
    named = {
        entry["name"]: entry["mesh"]
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("mesh"), str) and isinstance(entry.get("name"), str)
    }
    return {name: folder / mesh for name, mesh in named.items() if (folder / mesh).is_file()}


def fingerprint_of_files(folder: Path, output: Path) -> str:
    """Changes with any file of the folder, its name, size or time; what the bench writes to `output` does not count."""
    seen, root, own = hashlib.sha256(), folder.resolve(), output.resolve()
    is_within = root in own.parents
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        if is_within and own in path.parents:
            continue
        status = path.stat()
        seen.update(f"{path.relative_to(root)} {status.st_size} {status.st_mtime_ns}\n".encode("utf-8", "replace"))
    return seen.hexdigest()


def write_split_capture(capture: BenchCapture, split: MissingSplit, folder: Path, output: Path) -> Path:
    """The capture in `folder` with lists of frames as the split says; the rest of it is linked, or copied.

    The bench's own `output`, where it lies in the capture, is no part of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in capture.folder.iterdir():
        is_own = path.name == TRANSFORMS or path.resolve() == output.resolve()
        if not is_own and not (folder / path.name).exists():
            _link(path, folder / path.name)
    content = {key: value for key, value in capture.capture.content.items() if key not in SPLIT_KEYS}
    tested = [*split.in_arc, *split.withheld]
    content |= {"train_filenames": list(split.train), "val_filenames": tested, "test_filenames": tested}
    (folder / TRANSFORMS).write_text(json.dumps(content), encoding="utf-8")
    return folder


def _link(source: Path, target: Path) -> None:
    try:
        os.symlink(source.absolute(), target)
    except OSError:  # Links need a privilege on Windows, and some file systems have none.
        shutil.copytree(source, target) if source.is_dir() else shutil.copy2(source, target)
