"""Coloured points from PLY files of structure from motion, scanners and other splat trainers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Shaped, UInt8

from scorp_ns.errors import CaptureError, ScorpError
from scorp_ns.gaussians.seeding import SH_C0
from scorp_ns.messages import SHOWN

HEADER_LIMIT_BYTES = 1 << 20
"""Longest header that is read; a file without `end_header` by then is no PLY."""

MID_GREY = 128
"""The colour of points that come without one."""

COLOR_NAMES = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"))
SPLAT_COLOR_NAMES = ("f_dc_0", "f_dc_1", "f_dc_2")

TYPE_BYTES = {
    **dict.fromkeys(("char", "uchar", "int8", "uint8"), 1),
    **dict.fromkeys(("short", "ushort", "int16", "uint16"), 2),
    **dict.fromkeys(("int", "uint", "int32", "uint32", "float", "float32"), 4),
    **dict.fromkeys(("double", "float64"), 8),
}


@dataclass(frozen=True)
class PlyRole:
    """The purpose of a PLY file, with the texts of its errors."""

    noun: str
    """The content of the file, for errors."""
    needed: str
    """The file that is needed."""
    each_needs: str
    """The properties that a vertex needs."""
    if_missing: str
    """The advice if there is no such file."""
    if_unusable: str
    """The advice if its content cannot be used."""
    error: type[ScorpError]


SEED_POINTS = PlyRole(
    noun="seed points",
    needed="The file that 'ply_file_path' names is needed.",
    each_needs="Each vertex needs x, y and z.",
    if_missing=(
        "Put it there, correct 'ply_file_path', or remove it from transforms.json to start from random points."
    ),
    if_unusable=(
        "Export it again as a PLY of vertices with x, y and z, or remove 'ply_file_path' to start from random points."
    ),
    error=CaptureError,
)


@dataclass(frozen=True)
class SeedPoints:
    """Finite points with 8-bit colours, and the number of points that were not finite."""

    xyz: Float32[np.ndarray, "n 3"]
    rgb: UInt8[np.ndarray, "n 3"]
    num_dropped: int


def read_points(path: Path) -> SeedPoints:
    """The finite points of a PLY file in the file's own frame; a CaptureError if there are none."""
    vertices = read_vertices(path, SEED_POINTS)
    xyz, rgb = numbers(vertices, ("x", "y", "z"), path, SEED_POINTS), _colors(vertices)
    finite = np.isfinite(xyz).all(axis=1)
    if not finite.any():
        raise CaptureError(
            f"None of the {len(xyz)} seed points in {path} has finite coordinates.",
            "At least one finite point is needed.",
            SEED_POINTS.if_unusable,
        )
    return SeedPoints(xyz[finite], rgb[finite], int((~finite).sum()))


def read_vertices(path: Path, role: PlyRole) -> np.ndarray:
    """The rows of the element called 'vertex', of which there is at least one."""
    from plyfile import PlyData, PlyParseError

    check_header(path, role)
    try:
        elements = {element.name: element.data for element in PlyData.read(str(path)).elements}
    except (PlyParseError, ValueError, OverflowError, OSError, MemoryError) as error:
        raise role.error(
            f"The {role.noun} {path} cannot be read: {error}.",
            "A complete, well-formed PLY file is needed.",
            role.if_unusable,
        ) from error
    if len(elements.get("vertex", ())) == 0:
        raise role.error(f"{path} holds no points.", "At least one vertex is needed.", role.if_unusable)
    return elements["vertex"]


def number_names(vertices: np.ndarray) -> set[str]:
    """The properties that are one number per vertex, and no list."""
    return {name for name in vertices.dtype.names or () if vertices.dtype[name].kind in "iuf"}


def numbers(vertices: np.ndarray, names: Sequence[str], path: Path, role: PlyRole) -> Float32[np.ndarray, "n m"]:
    """The named properties of every vertex side by side; what float32 cannot hold becomes infinite."""
    known = number_names(vertices)
    missing = [name for name in names if name not in known]
    if missing:
        raise role.error(
            f"The points in {path} have no {' and no '.join(missing[:SHOWN])}.", role.each_needs, role.if_unusable
        )
    with np.errstate(over="ignore"):
        return _columns(vertices, names).astype(np.float32, copy=False)


def check_header(path: Path, role: PlyRole) -> None:
    """Raise an error unless the file is as long as its header promises, so that reading it takes bounded memory."""
    try:
        with open(path, "rb") as file:
            start = file.read(HEADER_LIMIT_BYTES)
            file_bytes = os.fstat(file.fileno()).st_size
    except FileNotFoundError as error:
        raise role.error(f"The {role.noun} {path} do not exist.", role.needed, role.if_missing) from error
    except OSError as error:
        raise role.error(
            f"The {role.noun} {path} cannot be opened: {error.strerror}.",
            "A readable PLY file is needed.",
            "Check the path and its permissions.",
        ) from error
    header, mark, _ = start.partition(b"end_header")
    if not start.startswith(b"ply") or not mark:
        raise role.error(
            f"{path} is not a PLY file.",
            "A file that starts with 'ply' and has a header up to 'end_header' is needed.",
            role.if_unusable,
        )
    promised = _promised_bytes(header.decode("ascii", errors="replace"))
    held = file_bytes - len(header) - len(mark)
    if promised > held:
        raise role.error(
            f"The header of {path} promises at least {promised} bytes of data, and the file holds {held}.",
            "A complete PLY file is needed.",
            "Copy or export it again; it was probably cut short.",
        )


def _promised_bytes(header: str) -> int:
    """The fewest bytes that can hold every element the header announces."""
    is_ascii = "format ascii" in header
    total = count = row_bytes = 0
    for line in header.splitlines():
        match line.split():
            case ["element", _, number]:
                total += count * row_bytes
                count, row_bytes = (int(number) if number.isdigit() else 0), 0
            case ["property", "list", kind, _, _] | ["property", kind, _]:
                # In text a value is at least a digit and what separates it from the next.
                row_bytes += 2 if is_ascii else TYPE_BYTES.get(kind, 1)
    return total + count * row_bytes


def _colors(vertices: np.ndarray) -> UInt8[np.ndarray, "n 3"]:
    """The 8-bit colour of every vertex: its own, a splat's base colour, or mid grey."""
    names = number_names(vertices)
    for color_names in COLOR_NAMES:
        if names.issuperset(color_names):
            return _to_bytes(_columns(vertices, color_names))
    if names.issuperset(SPLAT_COLOR_NAMES):
        base_color = 0.5 + SH_C0 * _columns(vertices, SPLAT_COLOR_NAMES).astype(np.float64)
        return _quantise(base_color)
    return np.full((len(vertices), 3), MID_GREY, dtype=np.uint8)


def _columns(vertices: np.ndarray, names: Sequence[str]) -> Shaped[np.ndarray, "n m"]:
    """The named properties side by side, in memory of their own instead of the mapped file's."""
    return np.stack([np.asarray(vertices[name]) for name in names], axis=1)


def _to_bytes(values: Shaped[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 3"]:
    """Colours as bytes, from any of the customary ranges (0..1, 0..255, 0..65535)."""
    if values.dtype == np.uint8:
        return values
    is_integer = np.issubdtype(values.dtype, np.integer)
    largest = np.max(values, initial=0, where=np.isfinite(values))
    # Real numbers may pass 1 by rounding, and no picture in 0..255 is as dark as 1.5 everywhere.
    if not is_integer and largest <= 1.5:
        return _quantise(values)
    return _quantise(values.astype(np.float64) / (255 if largest <= 255 else 65535))


def _quantise(colors: Shaped[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 3"]:
    """Colours in [0, 1] as bytes; a colour that is not a number becomes mid grey."""
    known = np.nan_to_num(colors, nan=MID_GREY / 255, posinf=1.0, neginf=0.0)
    return np.round(known.clip(0, 1) * 255).astype(np.uint8)
