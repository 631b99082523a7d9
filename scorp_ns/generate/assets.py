"""The generator 'asset': complete objects from a folder of files, named after the objects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from scorp_ns.errors import GenerationError
from scorp_ns.formats.read.reading import SUFFIXES, read_asset_file
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.generate.external.written_pose import POSE_KEY, read_written_pose
from scorp_ns.generate.generator import Work
from scorp_ns.json_files import read_json
from scorp_ns.messages import some_of
from scorp_ns.products import ProxyAsset, ProxyRequest

OPTION = "--pipeline.model.generator.asset.folder"
"""The folder's option on the command line."""

POSE_SUFFIX = ".pose.json"
POSE_NEEDED = (
    f"A pose file holds {{'{POSE_KEY}': 4 rows of 4 numbers}}: a rotation times one scale, and a translation, from the "
    "asset's frame to the capture's."
)


@dataclass(frozen=True)
class AssetConfig:
    """Complete objects that the user has as files."""

    folder: Path | None = None
    """The folder of the files, each named after its object: 'mug.glb', or 'mug/anything.glb'. .gltf, .obj and .ply as
    well."""

    def build(self) -> AssetGenerator:
        """The generator; a GenerationError if there is no such folder."""
        if self.folder is None or not self.folder.is_dir():
            found = "No folder of assets is named" if self.folder is None else f"{self.folder} is no folder"
            raise GenerationError(
                f"{found}.", "The generator 'asset' needs a folder with a file for each object.", f"Set {OPTION}."
            )
        return AssetGenerator(self.folder)


@dataclass(frozen=True)
class AssetGenerator:
    """Reads the file that is named after the object."""

    folder: Path

    def fingerprint(self, request: ProxyRequest) -> None:
        """None: reading a file costs less than finding out if it has changed."""

    def generate(self, request: ProxyRequest, work: Work) -> ProxyAsset:
        """The shape in the object's file, with the pose from a file beside it, if there is one."""
        work.check(request.name)
        path = find_asset(self.folder, request.name)
        work.report(None, f"reading {path.name}")
        asset = read_asset_file(path, request.name)
        work.check(request.name)
        return ProxyAsset(
            shape=asset.shape,
            made_by=f"asset {path.name}",
            T_capture_asset=read_pose(path, request.name),
            evidence={"file": str(path)} | ({"notes": " ".join(asset.notes)} if asset.notes else {}),
        )


def find_asset(folder: Path, name: str) -> Path:
    """The one file in a folder, or in a folder in it, that is named after an object.

    Names are compared with those that are there rather than made into paths, so none leads out of the folder.
    """
    wanted = _plain(name)
    try:
        entries = sorted(entry for entry in folder.iterdir() if entry.name[0] != ".")
        files = [entry for entry in entries if _is_asset(entry) and wanted and _plain(entry.stem) == wanted]
        for inner in entries if not files else []:
            if inner.is_dir() and wanted and _plain(inner.name) == wanted:
                files += sorted(entry for entry in inner.iterdir() if _is_asset(entry) and entry.name[0] != ".")
    except OSError as error:
        raise GenerationError(
            f"The folder of assets {folder} cannot be listed: {error.strerror}.",
            "The generator 'asset' needs a folder that can be read.",
            "Correct its permissions.",
        ) from error
    if len(files) == 1:
        return files[0]
    raise _not_one(folder, name, files, entries)


def read_pose(path: Path, name: str) -> Similarity | None:
    """The similarity from the asset's frame to the capture's in the file beside it; None without such a file."""
    pose_path = path.with_name(path.stem + POSE_SUFFIX)
    if not pose_path.is_file():
        return None
    do = "Correct it, or remove it to have the object found by itself."
    content = read_json(pose_path, GenerationError, POSE_NEEDED, do)
    rows = content.get(POSE_KEY) if isinstance(content, dict) else content
    return read_written_pose(rows, f"The pose of '{name}' in {pose_path}", POSE_NEEDED, do)


def _plain(name: str) -> str:
    """A name normalised for comparison: without case, and with spaces, underscores and hyphens alike."""
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


def _is_asset(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()


def _not_one(folder: Path, name: str, files: list[Path], entries: list[Path]) -> GenerationError:
    """The error for no file of an object's name, or several."""
    if files:
        shown = some_of([str(path.relative_to(folder)) for path in files])
        return GenerationError(
            f"The folder of assets {folder} has {len(files)} files for '{name}': {shown}.",
            "One is needed.",
            "Remove or rename the others.",
        )
    there = [entry.name for entry in entries if entry.is_dir() or _is_asset(entry)]
    return GenerationError(
        f"The folder of assets {folder} has no file for '{name}'; it has {some_of(there) or 'none at all'}.",
        f"A file called like the object is needed, with the ending {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}.",
        "Put it there, or rename one.",
    )
