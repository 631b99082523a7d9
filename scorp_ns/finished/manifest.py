"""The manifest of an export, which describes its files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scorp_ns import __version__
from scorp_ns.export.whole_folder import ALL_FILES, MANIFEST, WRITTEN_BY, files_below
from scorp_ns.finished.choices import ExportChoices
from scorp_ns.finished.delivered_object import DeliveredObject
from scorp_ns.json_files import rounded, write_json

FORMAT = 1
"""Version of the manifest; it grows when a reader of the old one would go wrong."""


def write_manifest(folder: Path, content: Mapping[str, Any]) -> None:
    """Write manifest.json, the last file, which also lists the files that a later export may overwrite."""
    head = {"format": FORMAT, WRITTEN_BY: f"scorp {__version__}"}
    write_json(folder / MANIFEST, {**head, **content, ALL_FILES: files_below(folder)})


def relative_files(files: Mapping[str, list[Path]], folder: Path) -> dict[str, list[str]]:
    """Per format, its files relative to the export's folder."""
    return {name: [file.relative_to(folder).as_posix() for file in of] for name, of in files.items()}


def object_entry(
    one: DeliveredObject, files: Mapping[str, list[Path]], folder: Path, choices: ExportChoices
) -> dict[str, Any]:
    """The manifest's entry of an object."""
    in_own_frame = choices.frame == "object"
    entry: dict[str, Any] = {
        "name": one.name,
        "size": rounded(one.size),
        "object_to_capture": rounded(one.T_capture_object.matrix),
        "files_to_capture": "object_to_capture" if in_own_frame else "identity",
        "gaussians": len(one.gaussians),
        "files": relative_files(files, folder),
        "mesh": None,
    }
    if one.proxy is not None:
        entry |= {"made_by": one.proxy.made_by, "license": one.proxy.license}
    if one.no_mesh is not None:
        entry["no_mesh"] = one.no_mesh
    if one.mesh is not None:
        entry["mesh"] = {
            "triangles": len(one.mesh.faces),
            "texture_size": len(one.mesh.texture),
            "up_in_glb": "y" if in_own_frame else "as in the capture",
        }
    return entry
