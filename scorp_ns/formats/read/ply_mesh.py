"""Meshes in PLY files, with colours of vertices or faces, or a texture."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Int64

from scorp_ns.formats.read.images import decode_image
from scorp_ns.formats.read.limits import MOST_POLYGONS
from scorp_ns.formats.read.parts import MeshPart, Texture
from scorp_ns.formats.read.source import AssetSource

INDICES = ("vertex_indices", "vertex_index")
COORDINATES = (("texture_u", "texture_v"), ("s", "t"), ("u", "v"))
COLORS = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"), ("r", "g", "b"))
TEXTURE_COMMENT = "TextureFile"
NEEDED = "A complete, well-formed PLY file with triangles is needed."


@dataclass(frozen=True)
class Corners:
    """Triangles cut from polygons: their vertices, and the rows of their faces."""

    vertices: Int64[np.ndarray, "f 3"]
    rows: Int64[np.ndarray, " f"]
    places: Int64[np.ndarray, "f 3"]
    """The number of each corner in its polygon."""


def read_ply_mesh(content: bytes, source: AssetSource) -> list[MeshPart]:
    """The triangles of a PLY file whose header has been checked; polygons are cut into fans."""
    data = _open(content, source)
    vertices, faces = data["vertex"].data, data["face"].data
    names = faces.dtype.names or ()
    key = next((name for name in INDICES if name in names), None)
    if key is None or not {"x", "y", "z"} <= set(vertices.dtype.names or ()):
        raise source.fault("has faces without vertex_indices or vertices without x, y and z", NEEDED)
    corners = _cut(faces[key], source)
    source.count_geometry(len(vertices), len(corners.rows))
    if len(corners.rows) and (corners.vertices.min() < 0 or corners.vertices.max() >= len(vertices)):
        raise source.fault(f"has a face that refers to other than its {len(vertices)} vertices", NEEDED)
    places = np.stack([vertices[axis].astype(np.float64) for axis in "xyz"], axis=1)
    texture = _texture(data.comments, source)
    uv = None if texture is None else _coordinates(vertices, faces, corners)
    face_colors = _colors(faces)
    if uv is not None and texture is not None:
        return [MeshPart(places[corners.vertices.ravel()], _apart(corners), uv=uv.reshape(-1, 2), texture=texture)]
    if (colors := _colors(vertices)) is not None:
        return [MeshPart(places, corners.vertices, colors)]
    if face_colors is not None:
        return [
            MeshPart(places[corners.vertices.ravel()], _apart(corners), np.repeat(face_colors[corners.rows], 3, axis=0))
        ]
    return [MeshPart(places, corners.vertices, is_painted=False)]


def _open(content: bytes, source: AssetSource) -> Any:
    """The file's elements; lists of three are read at once, others row by row."""
    from plyfile import PlyData, PlyParseError

    failures = (PlyParseError, ValueError, OverflowError, OSError, MemoryError, KeyError, IndexError, TypeError)
    lengths = dict.fromkeys(INDICES, 3) | {"texcoord": 6}
    try:
        return PlyData.read(str(source.path), known_list_len={"face": lengths})
    except failures:
        # Not all lists are as long as expected.
        return _open_mixed(content, source, failures)


def _open_mixed(content: bytes, source: AssetSource, failures: tuple[type[Exception], ...]) -> Any:
    """The file's elements, read row by row."""
    from plyfile import PlyData

    try:
        # From memory, as a file would be asked for as many numbers as a list promises, whatever it holds.
        return PlyData.read(io.BytesIO(content))
    except failures as error:
        raise source.fault(f"cannot be read ({str(error)[:100]})", NEEDED) from error


def _cut(lists: np.ndarray, source: AssetSource) -> Corners:
    """The triangles of polygons, each cut into a fan."""
    if lists.dtype != object:
        rows = np.arange(len(lists))
        return Corners(lists.astype(np.int64), rows, np.tile(np.arange(3), (len(rows), 1)))
    lengths = np.array([len(polygon) for polygon in lists])
    if lengths.sum() > MOST_POLYGONS * 4:
        raise source.fault(
            f"has polygons with {lengths.sum()} corners",
            f"Up to {MOST_POLYGONS * 4} are read where not all are triangles.",
            "Export it with triangles only.",
        )
    found = []
    for length in np.unique(lengths[lengths >= 3]):
        rows = np.flatnonzero(lengths == length)
        fan = np.array([(0, corner, corner + 1) for corner in range(1, length - 1)])
        polygons = np.stack(list(lists[rows])).astype(np.int64)
        found.append((polygons[:, fan].reshape(-1, 3), np.repeat(rows, len(fan)), np.tile(fan, (len(rows), 1))))
    if not found:
        return Corners(np.empty((0, 3), np.int64), np.empty(0, np.int64), np.empty((0, 3), np.int64))
    vertices, rows, places = (np.concatenate(values) for values in zip(*found, strict=True))
    return Corners(vertices, rows, places)


def _apart(corners: Corners) -> Int64[np.ndarray, "f 3"]:
    """Triangles that share no vertex."""
    return np.arange(corners.vertices.size).reshape(-1, 3)


def _texture(comments: list[str], source: AssetSource) -> Texture | None:
    """The picture in MeshLab's comment; None, with a note, if it is missing."""
    files = [comment.split(maxsplit=1)[1] for comment in comments if comment.startswith(TEXTURE_COMMENT + " ")]
    if not files:
        return None
    if len(files) > 1:
        source.notes.append(f"It has {len(files)} textures, of which the first was used.")
    file = files[0].strip()
    if not source.beside(file).is_file():
        source.notes.append(f"Its texture '{file[:60]}' is missing.")
        return None
    return decode_image(source.read_beside(file), source, f"'{file[:60]}'")


def _coordinates(vertices: np.ndarray, faces: np.ndarray, corners: Corners) -> Float64[np.ndarray, "f 3 2"] | None:
    """Texture coordinates of the corners, flipped: in the file, the last row is at v = 0."""
    uv = None
    if "texcoord" in (faces.dtype.names or ()):
        rows = faces["texcoord"]
        if rows.dtype == object:
            width = max((len(row) for row in rows), default=0)
            padded = np.zeros((len(rows), max(width, 2 * int(corners.places.max(initial=0)) + 2)))
            for row, values in zip(padded, rows, strict=True):
                row[: len(values)] = values
            rows = padded
        steps = 2 * corners.places[..., None] + (0, 1)
        uv = rows[corners.rows[:, None, None], steps].astype(np.float64)
    else:
        for names in COORDINATES:
            if set(names) <= set(vertices.dtype.names or ()):
                uv = np.stack([vertices[name].astype(np.float64) for name in names], axis=1)[corners.vertices]
                break
    return None if uv is None else np.nan_to_num(uv * (1, -1) + (0, 1), posinf=0, neginf=0)


def _colors(rows: np.ndarray) -> Float32[np.ndarray, "n 3"] | None:
    """The colours of vertices or faces, from any of the customary ranges; None without any."""
    for names in COLORS:
        if set(names) <= set(rows.dtype.names or ()):
            colors = np.stack([rows[name] for name in names], axis=1)
            if colors.dtype.kind == "O":
                continue
            largest = np.iinfo(colors.dtype).max if colors.dtype.kind in "iu" else 1.0
            real = np.nan_to_num(colors.astype(np.float64), nan=0.5 * largest)
            if largest > 65535 or (largest == 1.0 and real.max(initial=0) > 1.5):
                largest = 255.0
            return (real / largest).clip(0, 1).astype(np.float32)
    return None
