"""The folder that describes an object to a generator in another program: docs/generators.md lists its files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from PIL import Image

from scorp_ns.cameras import Camera
from scorp_ns.errors import GenerationError
from scorp_ns.formats.splat_ply import write_splats
from scorp_ns.generate.external.partial_points import partial_points
from scorp_ns.json_files import rounded, write_json
from scorp_ns.products import VISIBLE, ObjectCrop, ObjectView, ProxyRequest

FORMAT = 1
"""Version of job.json and cameras.json; it grows when a reader of the old ones would go wrong."""

FORMATS = ("glb", "gltf", "obj", "ply")
"""Kinds of result files that are read, by their endings; a .ply is a mesh or Gaussians."""

MOST_WINDOWS = 48
"""Most windows that are written, evenly spaced over all photographs that show the object."""

SAFE_LETTERS = 40
"""Letters of an object's name that are kept in the name of its folder."""


def job_name(name: str) -> str:
    """A folder name of plain letters, unique for each object's name and safe for file systems and shells."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:SAFE_LETTERS]
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain}-{digest}" if plain else digest


def write_job(folder: Path, request: ProxyRequest) -> None:
    """Write the request into this folder, which is made if need be."""
    points, normals, colors = partial_points(request.windows, request.frame)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_views(folder / "views", request.views)
        _write_windows(folder / "frames", request.frames)
        _write_windows(folder / "sights", _evenly_spaced(request.windows))
        _write_points(folder / "points.ply", points, normals, colors)
        write_json(folder / "job.json", _job(request))
    except OSError as error:
        raise GenerationError(
            f"The job of '{request.name}' cannot be written to {folder} ({error.strerror or error}).",
            "A folder that can be written, with room for some megabytes, is needed.",
            "Free some space, mend its permissions, or let TMPDIR name another place.",
        ) from error
    write_splats(request.gaussians, folder / "gaussians.ply")


def _job(request: ProxyRequest) -> dict[str, Any]:
    """The content of job.json: the request, and the paths of its parts."""
    frame, support = request.frame, request.support
    return {
        "format": FORMAT,
        "name": request.name,
        "prompt": request.prompt,
        "seed": request.seed,
        "up": rounded(request.up),
        "support": support and {"point": rounded(support.point), "up": rounded(support.up)},
        "box": {
            "center": rounded(frame.center),
            "size": rounded(frame.extent),
            "axes": rounded(frame.rotation),
        },
        "formats": list(FORMATS),
        "files": {
            "views": "views/cameras.json",
            "frames": "frames/cameras.json",
            "sights": "sights/cameras.json",
            "points": "points.ply",
            "gaussians": "gaussians.ply",
        },
    }


def _write_views(folder: Path, views: Sequence[ObjectView]) -> None:
    """Write the crops: `NN.png` with the mask as alpha, the trimap `NN_roles.png`, and cameras.json."""
    folder.mkdir(exist_ok=True)
    entries = []
    for number, view in enumerate(views):
        file = _save(folder / f"{number:02d}.png", view.rgba)
        trimap = _save(folder / f"{number:02d}_roles.png", view.trimap)
        camera = _camera(view.name, view.camera)
        entries.append({"file": file, "roles": trimap, **camera, "scores": dict(view.scores)})
    write_json(folder / "cameras.json", {"format": FORMAT, "views": entries})


def _write_windows(folder: Path, windows: Sequence[ObjectCrop]) -> None:
    """Write photographs: `NN.png`, the binary mask `NN_mask.png`, the trimap `NN_roles.png`, and cameras.json."""
    folder.mkdir(exist_ok=True)
    entries = []
    for number, window in enumerate(windows):
        file = _save(folder / f"{number:02d}.png", window.photograph)
        mask = _save(folder / f"{number:02d}_mask.png", np.where(window.trimap == VISIBLE, 255, 0).astype(np.uint8))
        trimap = _save(folder / f"{number:02d}_roles.png", window.trimap)
        camera = _camera(window.name, window.camera)
        entries.append({"file": file, "mask": mask, "roles": trimap, **camera})
    write_json(folder / "cameras.json", {"format": FORMAT, "views": entries})


def _evenly_spaced(windows: Sequence[ObjectCrop]) -> list[ObjectCrop]:
    """All windows, or MOST_WINDOWS of them in even steps."""
    number = min(len(windows), MOST_WINDOWS)
    return [windows[index * len(windows) // number] for index in range(number)]


def _camera(name: str, camera: Camera) -> dict[str, Any]:
    """A photograph's camera, as in exported objects: camera to capture in OpenCV axes."""
    return {
        "photograph": name,
        "size": [camera.width, camera.height],
        "K": rounded(camera.K),
        "camera_to_capture_opencv": rounded(camera.pose),
    }


def _write_points(
    path: Path,
    points: Float32[np.ndarray, "n 3"],
    normals: Float32[np.ndarray, "n 3"],
    colors: Float32[np.ndarray, "n 3"],
) -> None:
    """Write a binary PLY of points with normals and 8-bit colours."""
    floats = ("x", "y", "z", "nx", "ny", "nz")
    bytes_ = ("red", "green", "blue")
    table = np.empty(len(points), [(name, "<f4") for name in floats] + [(name, "u1") for name in bytes_])
    for name, column in zip(floats, np.concatenate([points, normals], axis=1).T, strict=True):
        table[name] = column
    for name, column in zip(bytes_, np.round(colors * 255).clip(0, 255).T, strict=True):
        table[name] = column
    properties = [f"property float {name}" for name in floats] + [f"property uchar {name}" for name in bytes_]
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}", *properties, "end_header", ""]
    path.write_bytes("\n".join(lines).encode() + table.tobytes())


def _save(path: Path, image: np.ndarray) -> str:
    """Write a PNG, fast rather than small; its file name."""
    Image.fromarray(image).save(path, compress_level=1)
    return path.name
