"""Stored replies of generators, so that a resumed or repeated run does not pay for them again."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.generate.generator import Generator, Work
from scorp_ns.products import ProxyAsset, ProxyRequest
from scorp_ns.surfaces.mesh import ColoredMesh

FORMAT = 1
"""Version of the files; those of other versions are ignored, and replaced when they are needed."""

MESH_FIELDS = ("vertices", "faces", "colors")
GAUSSIANS_FIELDS = ("means", "quats", "scales", "opacities", "harmonics")
POSE_FIELDS = ("rotation", "translation")

UNREADABLE = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, MemoryError),
    *(ValueError, KeyError, TypeError, AttributeError, AssertionError),
)
"""Errors from reading a file that is torn or foreign."""


def generate_cached(
    generator: Generator, request: ProxyRequest, work: Work, folder: Path, regenerate: bool = False
) -> ProxyAsset:
    """The stored reply to an equal request; otherwise, or with `regenerate`, a new one, which is then stored."""
    key = _key(generator, request)
    if key is None:
        return generator.generate(request, work)
    path = _path(folder, key)
    stored = None if regenerate else read_reply(path, key)
    if stored is not None:
        work.report(1.0, "stored already")
        return stored
    asset = generator.generate(request, work)
    try:
        write_reply(path, key, asset)
    # The reply of another package may be more than a file can hold.
    except (OSError, TypeError, ValueError) as error:
        work.warn(f"The reply for '{request.name}' cannot be stored in {folder} ({error}): the next run asks again.")
    return asset


def forget_reply(generator: Generator, request: ProxyRequest, folder: Path) -> None:
    """Delete the stored reply to an equal request, if there is one."""
    with suppress(Exception):  # The generator of another package may fail here as well.
        key = _key(generator, request)
        if key is not None:
            _path(folder, key).unlink(missing_ok=True)


def _key(generator: Generator, request: ProxyRequest) -> str | None:
    """The key of a stored reply; None for replies that cost little."""
    fingerprint = generator.fingerprint(request)
    if fingerprint is None:
        return None
    return hashlib.sha256(fingerprint.encode("utf-8", "surrogatepass")).hexdigest()


def _path(folder: Path, key: str) -> Path:
    return folder / f"{key}.npz"


def write_reply(path: Path, key: str, asset: ProxyAsset) -> None:
    """Write the reply atomically; an OSError if that fails."""
    shape, pose = asset.shape, asset.T_capture_asset
    described = {
        "format": FORMAT,
        "key": key,
        "kind": "mesh" if isinstance(shape, ColoredMesh) else "gaussians",
        "made_by": asset.made_by,
        "scale": None if pose is None else pose.scale,
        "is_in_place": asset.is_in_place,
        "up": asset.up,
        "evidence": dict(asset.evidence),
        "license": asset.license,
    }
    names = MESH_FIELDS if isinstance(shape, ColoredMesh) else GAUSSIANS_FIELDS
    arrays = {name: _array(getattr(shape, name)) for name in names}
    if pose is not None:
        arrays |= {name: _array(getattr(pose, name)) for name in POSE_FIELDS}
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two runs may store the same reply at once.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with open(unfinished, "wb") as file:
            np.savez(file, description=np.array(json.dumps(described, default=float)), **arrays)  # pyright: ignore[reportArgumentType]
        os.replace(unfinished, path)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def read_reply(path: Path, key: str) -> ProxyAsset | None:
    """The stored reply for this key; None if there is none, or the file is torn or foreign."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            described = json.loads(str(stored["description"]))
            if described["format"] != FORMAT or described["key"] != key:
                return None
            return _reply(described, stored)
    except UNREADABLE:
        return None


def _reply(described: Mapping[str, Any], stored: Mapping[str, np.ndarray]) -> ProxyAsset:
    """The reply from the entries and arrays of a file."""
    if described["kind"] == "mesh":
        shape = ColoredMesh(**{name: stored[name] for name in MESH_FIELDS})
    else:
        shape = Gaussians(**{name: torch.from_numpy(stored[name]) for name in GAUSSIANS_FIELDS})
    pose = None
    if described["scale"] is not None:
        pose = Similarity(*(torch.from_numpy(stored[name]) for name in POSE_FIELDS), scale=described["scale"])
    return ProxyAsset(
        shape=shape,
        made_by=described["made_by"],
        T_capture_asset=pose,
        is_in_place=described["is_in_place"],
        up=described["up"] and tuple(described["up"]),
        evidence=described["evidence"],
        license=described["license"],
    )


def _array(values: np.ndarray | torch.Tensor) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else values
