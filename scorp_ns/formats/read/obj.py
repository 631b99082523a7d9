"""Wavefront OBJ files, with their materials and textures."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Float64, Int64

from scorp_ns.formats.read.limits import MOST_TEXT_BYTES
from scorp_ns.formats.read.obj_materials import ObjMaterial, read_materials
from scorp_ns.formats.read.parts import MeshPart
from scorp_ns.formats.read.source import AssetSource

LONG_LINE = 1 << 12
"""Words of longer lines are counted without making them: Python needs some 50 bytes for each."""

NEEDED = "A well-formed OBJ file with lines of 'v' and 'f' is needed."


@dataclass
class Lines:
    """The statements of an OBJ file, sorted by kind but not yet understood."""

    vertices: list[str] = field(default_factory=list)
    coordinates: list[str] = field(default_factory=list)
    faces: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By material."""
    counts: dict[str, array[int]] = field(default_factory=lambda: defaultdict(lambda: array("q")))
    """For each face, how many vertices and texture coordinates came before it, from where negative numbers count, and
    how many corners it has."""
    libraries: list[str] = field(default_factory=list)


def read_obj(content: bytes, source: AssetSource) -> list[MeshPart]:
    """The triangles of each material of an OBJ file."""
    if len(content) > MOST_TEXT_BYTES:
        raise source.too_large(len(content), MOST_TEXT_BYTES)
    lines = _sort(content.decode("utf-8", errors="replace").replace("\\\r\n", " ").replace("\\\n", " "))
    counts = {name: np.frombuffer(numbers, np.int64).reshape(-1, 3) for name, numbers in lines.counts.items()}
    num_triangles = sum(int((of_faces[:, 2] - 2).clip(0).sum()) for of_faces in counts.values())
    source.count_geometry(len(lines.vertices), num_triangles)
    places = _table(lines.vertices, (3, 6, 4, 7), source)
    coordinates = _table(lines.coordinates, (2, 3), source) if lines.coordinates else np.zeros((0, 2))
    colors = _colors(places) if places.shape[1] >= 6 else None
    materials = read_materials(lines.libraries, source)
    parts = []
    for name, faces in lines.faces.items():
        corners = _triangles(faces, counts[name], (len(places), len(coordinates)), source)
        parts.append(_part(corners, places[:, :3], colors, coordinates[:, :2], materials.get(name, ObjMaterial())))
    return parts


def _sort(text: str) -> Lines:
    """The file's lines by what they are about."""
    lines, material = Lines(), ""
    for line in text.splitlines():
        kind, _, rest = line.strip().partition(" ")
        if kind == "v":
            lines.vertices.append(rest)
        elif kind == "vt":
            lines.coordinates.append(rest)
        elif kind == "f":
            lines.faces[material].append(rest)
            lines.counts[material].extend((len(lines.vertices), len(lines.coordinates), _num_words(rest)))
        elif kind == "usemtl":
            material = rest.strip()
        elif kind == "mtllib":
            lines.libraries.append(rest.strip())
    return lines


def _num_words(line: str) -> int:
    """The number of words in a line."""
    if len(line) < LONG_LINE:
        return len(line.split())
    is_space = np.frombuffer(line.encode(), np.uint8) <= ord(" ")
    return int(np.count_nonzero(is_space[:-1] > is_space[1:])) + int(not is_space[0])


def _table(lines: Sequence[str], widths: tuple[int, ...], source: AssetSource) -> Float64[np.ndarray, "n k"]:
    """The numbers of lines, one row each, as many as the lines have in common."""
    if not lines:
        return np.zeros((0, 3))
    width = len(lines[0].split())
    if width in widths:
        numbers = np.fromstring(" ".join(lines), np.float64, sep=" ")
        if len(numbers) == width * len(lines):
            return numbers.reshape(-1, width)
    rows = [line.split("#")[0].split() for line in lines]
    width = max((width for width in widths if width <= min(map(len, rows))), default=0)
    if not width:
        raise source.fault("has a vertex of too few numbers", NEEDED)
    try:
        return np.array([row[:width] for row in rows], np.float64)
    except ValueError as error:
        raise source.fault(f"has a line of numbers that is broken ({str(error)[:80]})", NEEDED) from error


def _colors(places: Float64[np.ndarray, "n k"]) -> Float32[np.ndarray, "n 3"]:
    """The colours that follow the coordinates of vertices, as shares or as bytes."""
    colors = np.nan_to_num(places[:, -3:], nan=0.5)
    largest = colors.max(initial=0)
    return (colors / (255 if largest > 1.5 else 1)).clip(0, 1).astype(np.float32)


def _triangles(
    faces: Sequence[str], counts: Int64[np.ndarray, "n 3"], sizes: tuple[int, int], source: AssetSource
) -> Int64[np.ndarray, "f 3 2"]:
    """For each corner of each triangle its vertex and its texture coordinate, -1 where it has none."""
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, line in enumerate(faces):
        groups[int(counts[index, 2]), line.count("/")].append(index)
    found = [np.empty((0, 3, 2), np.int64)]
    for (num_corners, num_slashes), indices in groups.items():
        if num_corners < 3 or num_slashes % num_corners:
            raise source.fault(f"has a face '{faces[indices[0]][:40]}'", NEEDED)
        depth = num_slashes // num_corners + 1
        joined = " ".join([faces[index] for index in indices]).replace("//", "/0/").replace("/", " ")
        numbers = np.fromstring(joined, np.int64, sep=" ")
        if len(numbers) != len(indices) * num_corners * depth:
            raise source.fault(f"has a face '{faces[indices[0]][:40]}' or one like it that is broken", NEEDED)
        corners = numbers.reshape(len(indices), num_corners, depth)[:, :, :2]
        if depth == 1:
            corners = np.concatenate([corners, np.zeros_like(corners)], axis=2)
        corners = np.where(corners < 0, counts[indices][:, None, :2] + corners, corners - 1)
        second = np.arange(1, num_corners - 1)
        fan = np.stack([np.zeros_like(second), second, second + 1], axis=1)
        found.append(corners[:, fan].reshape(-1, 3, 2))
    triangles = np.concatenate(found)
    if triangles[..., 0].min() < 0 or triangles[..., 0].max() >= sizes[0] or triangles[..., 1].max() >= sizes[1]:
        raise source.fault(f"has a face that refers to other than its {sizes[0]} vertices", NEEDED)
    return triangles


def _part(
    corners: Int64[np.ndarray, "f 3 2"],
    places: Float64[np.ndarray, "v 3"],
    colors: Float32[np.ndarray, "v 3"] | None,
    coordinates: Float64[np.ndarray, "t 2"],
    material: ObjMaterial,
) -> MeshPart:
    """The triangles of one material, whose vertices are apart where their texture coordinates are."""
    has_texture = material.texture is not None and bool((corners[..., 1] >= 0).all())
    keys = corners[..., 0] * (len(coordinates) + 1) + (corners[..., 1] if has_texture else 0)
    _, first, faces = np.unique(keys.ravel(), return_index=True, return_inverse=True)
    vertex, coordinate = corners.reshape(-1, 2)[first].T
    # The last row of the picture is at v = 0.
    uv = coordinates[coordinate] * (1, -1) + (0, 1) if has_texture else None
    return MeshPart(
        places[vertex],
        faces.reshape(-1, 3).astype(np.int64),
        None if colors is None else colors[vertex],
        None if uv is None else np.nan_to_num(uv, posinf=0, neginf=0),
        material.texture if has_texture else None,
        material.tint,
        colors is not None or has_texture or material.says_color,
    )
