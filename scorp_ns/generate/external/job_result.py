"""The reply that another program left in a job folder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorp_ns.errors import GenerationError
from scorp_ns.formats.read.reading import read_asset_file
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.generate.external.job_folder import FORMATS
from scorp_ns.generate.external.written_pose import POSE_KEY, finite_numbers, read_written_pose
from scorp_ns.json_files import read_json
from scorp_ns.messages import json_kind, one_line
from scorp_ns.products import ProxyAsset

DESCRIPTION = "result.json"
"""The file with which a program may describe its result."""

MOST_DESCRIPTION_BYTES = 1 << 20
"""Longer descriptions are refused."""

MOST_CHARACTERS = 200
"""Longest name of a model or a licence."""

NEEDED = "A file result.glb, result.gltf, result.obj or result.ply is needed, or a result.json that names one."
ENTRIES = (
    "result.json may hold 'file', 'asset_to_capture' (4x4, a rotation, one scale and a translation), 'up' (3 numbers), "
    "'model', 'license' (strings) and 'seed' (a whole number)."
)
REPAIR = "Mend the program that writes it; docs/generators.md describes the files of a job."


@dataclass(frozen=True)
class _Description:
    """The entries of result.json that are used."""

    file: str | None = None
    T_capture_asset: Similarity | None = None
    up: tuple[float, float, float] | None = None
    model: str | None = None
    license: str | None = None
    seed: int | None = None


def read_result(folder: Path, name: str, made_by: str) -> ProxyAsset:
    """The reply in the folder of a job, made by this program unless the reply names its model."""
    described = _read_description(folder, name)
    path = _asset_path(folder, described, name)
    asset = read_asset_file(path, name)
    evidence = {"notes": " ".join(asset.notes)} if asset.notes else {}
    return ProxyAsset(
        shape=asset.shape,
        made_by=described.model or made_by,
        T_capture_asset=described.T_capture_asset,
        up=described.up,
        evidence=evidence | ({} if described.seed is None else {"seed": str(described.seed)}),
        license=described.license,
    )


def has_result(folder: Path) -> bool:
    """True if there is anything that could be a result."""
    return any((folder / file).exists() for file in (DESCRIPTION, *_default_files()))


def _default_files() -> list[str]:
    return [f"result.{kind}" for kind in FORMATS]


def _asset_path(folder: Path, described: _Description, name: str) -> Path:
    """The asset's file, with links resolved: a plain file inside the folder."""
    if described.file is not None:
        path = folder / described.file
    else:
        found = [folder / file for file in _default_files() if (folder / file).exists()]
        if not found:
            raise GenerationError(f"There is no result for '{name}' in {folder}.", NEEDED, REPAIR)
        path = found[0]
    real = _real_path(path)
    if real is not None and not real.is_relative_to(folder.resolve()):
        raise GenerationError(
            f"The result for '{name}' is said to be {str(path)!r}, which lies outside the job's folder {folder}.",
            "Results are only read from inside that folder.",
            "Let the program copy its result there.",
        )
    if real is None or not real.is_file():
        raise GenerationError(f"The result for '{name}', {str(path)!r}, is no file.", NEEDED, REPAIR)
    return real


def _real_path(path: Path) -> Path | None:
    """The path with links resolved; None if nothing is there."""
    try:
        return path.resolve(strict=True)
    except (OSError, ValueError, RuntimeError):  # Nothing is there, or a null byte, or links lead in a circle.
        return None


def _read_description(folder: Path, name: str) -> _Description:
    path = folder / DESCRIPTION
    if not path.exists():
        return _Description()
    path = _asset_path(folder, _Description(file=DESCRIPTION), name)
    if path.stat().st_size > MOST_DESCRIPTION_BYTES:
        raise GenerationError(f"{path} is longer than a megabyte.", ENTRIES, REPAIR)
    content = read_json(path, GenerationError, ENTRIES, REPAIR)
    if not isinstance(content, dict):
        raise GenerationError(f"{path} holds {json_kind(content)}.", ENTRIES, REPAIR)
    return _Description(
        file=_text(path, content, "file"),
        T_capture_asset=_pose(path, content.get(POSE_KEY)),
        up=_up(path, content.get("up")),
        model=_text(path, content, "model"),
        license=_text(path, content, "license"),
        seed=_seed(path, content.get("seed")),
    )


def _text(path: Path, content: dict[str, Any], key: str) -> str | None:
    """A path, or a line of text; None where there is none."""
    value = content.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise GenerationError(f"'{key}' in {path} is {json_kind(value)}.", ENTRIES, REPAIR)
    return value if key == "file" else one_line(value, MOST_CHARACTERS) or None


def _seed(path: Path, value: Any) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise GenerationError(f"'seed' in {path} is not a whole number.", ENTRIES, REPAIR)
    return value


def _up(path: Path, value: Any) -> tuple[float, float, float] | None:
    """A unit vector."""
    if value is None:
        return None
    numbers = finite_numbers(value, 3)
    length = math.hypot(*numbers) if numbers else 0.0
    if numbers is None or not 0 < length < math.inf:
        raise GenerationError(f"'up' in {path} is not a direction.", ENTRIES, REPAIR)
    x, y, z = (number / length for number in numbers)
    return x, y, z


def _pose(path: Path, value: Any) -> Similarity | None:
    return None if value is None else read_written_pose(value, f"'{POSE_KEY}' in {path}", ENTRIES, REPAIR)
