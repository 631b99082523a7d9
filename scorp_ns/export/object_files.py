"""The files of a lifted object: its Gaussians, its best crops, and its description, in the capture's frame."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from scorp_ns.errors import OutputError
from scorp_ns.formats.splat_ply import write_splats
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.json_files import rounded, write_json
from scorp_ns.products import LiftedObject, ObjectView

FORMAT = 1
"""Version of object.json; it grows when a reader of the old one would go wrong."""


def write_object(
    folder: Path,
    one: LiftedObject,
    views: Sequence[ObjectView] | None,
    scene: Gaussians,
    capture_to_world: Similarity,
) -> None:
    """Write gaussians.ply, views/ and object.json; `views` None leaves the views that are there as they are."""
    to_capture = capture_to_world.inverse()
    write_splats(transform_gaussians(scene[one.indices], to_capture), folder / "gaussians.ply")
    try:
        if views is not None:
            _write_views(folder / "views", views, to_capture)
        write_json(folder / "object.json", _findings(one, to_capture))
    except OSError as error:
        raise cannot_write("object", folder, error) from error


def write_report(folder: Path, lifted: Mapping[str, str], failures: Mapping[str, str]) -> None:
    """Write objects.json: the folder of each lifted object, and the reason for each other one."""
    try:
        write_json(folder / "objects.json", {"format": FORMAT, "lifted": dict(lifted), "failed": dict(failures)})
    except OSError as error:
        raise cannot_write("object", folder, error) from error


def cannot_write(what: str, folder: Path, error: OSError) -> OutputError:
    """The error for a folder that cannot be written."""
    return OutputError(
        f"The {what} cannot be written to {folder} ({error.strerror or error}).",
        "A folder that can be written, with room for some megabytes, is needed.",
        "Free some space, mend its permissions or choose another place with --output-dir.",
    )


def _write_views(folder: Path, views: Sequence[ObjectView], to_capture: Similarity) -> None:
    """Write `NN.png` (with the mask as alpha), the trimap `NN_roles.png` and cameras.json, replacing old ones."""
    new, old = (folder.with_name(f".{folder.name}.{what}") for what in ("unfinished", "old"))
    shutil.rmtree(new, ignore_errors=True)
    try:
        _fill_views(new, views, to_capture)
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _fill_views(folder: Path, views: Sequence[ObjectView], to_capture: Similarity) -> None:
    folder.mkdir(parents=True)
    entries = []
    for number, view in enumerate(views):
        Image.fromarray(view.rgba).save(folder / f"{number:02d}.png")
        Image.fromarray(view.trimap).save(folder / f"{number:02d}_roles.png")
        entries.append({"file": f"{number:02d}.png", "roles": f"{number:02d}_roles.png", **_camera(view, to_capture)})
    write_json(folder / "cameras.json", {"format": FORMAT, "views": entries})


def _camera(view: ObjectView, to_capture: Similarity) -> dict[str, Any]:
    """A crop's camera: intrinsics, and camera to capture in OpenCV axes, in the capture's units."""
    to_world = view.camera.pose
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, :3] = to_capture.rotation @ to_world[:3, :3]
    pose[:3, 3] = to_capture.apply(to_world[:3, 3])
    return {
        "photograph": view.name,
        "size": list(view.trimap.shape[::-1]),
        "K": rounded(view.K),
        "camera_to_capture_opencv": rounded(pose),
        "scores": dict(view.scores),
    }


def _findings(one: LiftedObject, to_capture: Similarity) -> dict[str, Any]:
    """The content of object.json."""
    rotation = to_capture.rotation
    return {
        "format": FORMAT,
        "name": one.name,
        "gaussians": len(one.indices),
        "box": {
            "center": rounded(to_capture.apply(one.frame.center.double())),
            "size": rounded(one.frame.extent * to_capture.scale),
            "axes": rounded(rotation @ one.frame.rotation.double()),
        },
        "support": None
        if one.support is None
        else {
            "point": rounded(to_capture.apply(one.support.point.double())),
            "up": rounded(rotation @ one.support.up.double()),
        },
        "mask_iou": None if one.mask_iou is None else round(one.mask_iou, 4),
        "mean_visibility": round(float(one.visibility.mean()), 4),
        "visible_share": {name: round(share, 4) for name, share in one.visible_shares.items()},
    }
