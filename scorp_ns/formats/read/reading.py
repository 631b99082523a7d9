"""The object in a file, whatever its format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from scorp_ns.errors import GenerationError
from scorp_ns.formats.read.gltf_container import MAGIC
from scorp_ns.formats.read.gltf_scene import read_gltf
from scorp_ns.formats.read.limits import KEPT_TRIANGLES, LARGEST_COORDINATE, MOST_UNUSABLE
from scorp_ns.formats.read.obj import read_obj
from scorp_ns.formats.read.painting import join, paint
from scorp_ns.formats.read.parts import MeshPart
from scorp_ns.formats.read.ply_file import PlyKind, ply_kind
from scorp_ns.formats.read.ply_mesh import read_ply_mesh
from scorp_ns.formats.read.ply_splats import read_ply_splats
from scorp_ns.formats.read.source import AssetSource
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.surfaces.mesh import ColoredMesh
from scorp_ns.surfaces.remeshing import cluster

SUFFIXES = (".glb", ".gltf", ".obj", ".ply")
"""Endings of files that may be assets."""

NEEDED = "A .glb, .gltf, .obj or .ply file is needed."

FOREIGN = {
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"Kaydara FBX": "an FBX file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"RIFF": "a picture",
    b"%PDF": "a PDF file",
    b"BLENDER": "a Blender file",
    b"solid ": "an STL file",
    b"<": "a page or XML",
    b"#usda": "a USD file",
    b"PXR-USDC": "a USD file",
    b"version https://git-lfs": "a pointer to a file that git-lfs has not fetched",
}
"""First bytes of common files that are no assets."""


@dataclass(frozen=True)
class AssetFile:
    """The shape in a file, with notes."""

    shape: ColoredMesh | Gaussians
    notes: tuple[str, ...]
    """Sentences about anything skipped, guessed or left out."""


def read_asset(path: Path, name: str) -> ColoredMesh | Gaussians:
    """The shape in a .glb, .gltf, .obj or .ply file, for the object with this name; a GenerationError if there is none.

    Textures and materials become colours at the corners of triangles.
    """
    return read_asset_file(path, name).shape


def read_asset_file(path: Path, name: str) -> AssetFile:
    """The shape as `read_asset` returns it, with notes for people."""
    source = AssetSource(path, name)
    parts = _read(source)
    shape = parts if isinstance(parts, Gaussians) else _surface(parts, source)
    return AssetFile(shape, tuple(dict.fromkeys(source.notes)))


def _read(source: AssetSource) -> list[MeshPart] | Gaussians:
    """The content of the file, whose kind is told by its first bytes rather than its name."""
    content = source.read()
    start = content[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not content.strip(b"\0 \r\n\t"):
        raise source.fault("is empty", NEEDED)
    if start.startswith(MAGIC) or start.startswith(b"{"):
        return read_gltf(content, source)
    if start.startswith(b"ply"):
        return _read_ply(content, source)
    for mark, kind in FOREIGN.items():
        if start.startswith(mark):
            raise source.fault(f"is {kind}", NEEDED, "Unpack or convert it before.")
    if source.path.suffix.lower() != ".obj" or b"\0" in content[:4096]:
        raise source.fault(f"does not hold what its ending {source.path.suffix} promises", NEEDED)
    return read_obj(content, source)


def _read_ply(content: bytes, source: AssetSource) -> list[MeshPart] | Gaussians:
    """The content of a PLY file; errors of the common PLY reader get the object's name."""
    try:
        return read_ply_mesh(content, source) if ply_kind(source) is PlyKind.MESH else read_ply_splats(source)
    except GenerationError as error:
        if f"'{source.name}'" in error.found:
            raise
        found = f"The asset of '{source.name}' cannot be used. {error.found}"
        raise GenerationError(found, error.needed, error.do) from error


def _surface(parts: Sequence[MeshPart], source: AssetSource) -> ColoredMesh:
    """The parts as one surface in bounded detail, with colours."""
    usable = [part for part in (_without_broken(part, source) for part in parts) if len(part.faces)]
    if not usable:
        raise source.fault("has no triangles", "A surface of triangles is needed.")
    low = np.min([part.vertices.min(axis=0) for part in usable], axis=0)
    high = np.max([part.vertices.max(axis=0) for part in usable], axis=0)
    diagonal = float(np.linalg.norm(high - low))
    if not 1 / LARGEST_COORDINATE < diagonal < LARGEST_COORDINATE:
        raise source.fault(
            f"has a diagonal of {diagonal:.1e}", "A surface of a size that can be told from a point is needed."
        )
    if not all(part.is_painted for part in usable):
        source.notes.append("It says nothing of colours, or not of all; what has none is grey.")
    budget = KEPT_TRIANGLES / max(1, sum(len(part.faces) for part in usable))
    whole = join([paint(part, diagonal, int(budget * len(part.faces))) for part in usable])
    vertices, faces, colors = whole.vertices, whole.faces, whole.colors
    if len(faces) > KEPT_TRIANGLES:
        assert colors is not None
        vertices, colors, faces = cluster(vertices, colors.astype(np.float64), faces, KEPT_TRIANGLES)
        source.notes.append(f"Its {len(whole.faces)} triangles were reduced to {len(faces)}.")
    assert colors is not None
    return ColoredMesh(vertices.astype(np.float32), faces, colors.astype(np.float32))


def _without_broken(part: MeshPart, source: AssetSource) -> MeshPart:
    """The part without triangles whose corners are not finite, or that have no area."""
    usable = np.isfinite(part.vertices).all(axis=1) & (np.abs(part.vertices) < LARGEST_COORDINATE).all(axis=1)
    num_broken = int((~usable[part.faces].all(axis=1)).sum())
    if num_broken > MOST_UNUSABLE * len(part.faces):
        raise source.fault(
            f"has {num_broken} of {len(part.faces)} triangles whose corners are not finite or absurdly far away",
            "Vertices with finite coordinates are needed.",
        )
    if num_broken:
        source.notes.append(f"{num_broken} triangles have corners that are not finite, and were left out.")
    faces = part.faces[usable[part.faces].all(axis=1)]
    return _compact(part, faces[_has_area(part, faces)])


def _has_area(part: MeshPart, faces: np.ndarray) -> Bool[np.ndarray, " f"]:
    """A mask of the triangles with an area."""
    first, second, third = (part.vertices[faces[:, corner]] for corner in range(3))
    crosses = np.cross(second - first, third - first)
    return crosses.any(axis=1)


def _compact(part: MeshPart, faces: np.ndarray) -> MeshPart:
    """The part with these triangles and the vertices they use."""
    used, places = np.unique(faces, return_inverse=True)
    return replace(
        part,
        vertices=part.vertices[used],
        faces=places.reshape(-1, 3).astype(np.int64),
        colors=None if part.colors is None else part.colors[used],
        uv=None if part.uv is None else part.uv[used],
    )
