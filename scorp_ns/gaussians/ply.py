"""Coloured points from PLY files: what structure from motion, scanners and other splat trainers write."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Shaped, UInt8

from scorp_ns.errors import CaptureError

HEADER_LIMIT_BYTES = 1 << 20
"""Longest header looked at; a file without `end_header` by then is no PLY, however it starts."""

MID_GREY = 128
"""The colour of points that come without one."""

SH_C0 = 0.28209479177387814
"""The constant spherical harmonic, 1 / (2 sqrt(pi)): a splat's base colour is 0.5 + SH_C0 * f_dc."""

COLOR_NAMES = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"))
SPLAT_COLOR_NAMES = ("f_dc_0", "f_dc_1", "f_dc_2")

TYPE_BYTES = {
    **dict.fromkeys(("char", "uchar", "int8", "uint8"), 1),
    **dict.fromkeys(("short", "ushort", "int16", "uint16"), 2),
    **dict.fromkeys(("int", "uint", "int32", "uint32", "float", "float32"), 4),
    **dict.fromkeys(("double", "float64"), 8),
}

REEXPORT = (
    "Export it again as a PLY of vertices with x, y and z, or remove 'ply_file_path' to start from random points."
)


@dataclass(frozen=True)
class SeedPoints:
    """Finite points with 8-bit colours, and how many of the file's points were not finite."""

    xyz: Float32[np.ndarray, "n 3"]
    rgb: UInt8[np.ndarray, "n 3"]
    num_dropped: int


def read_points(path: Path) -> SeedPoints:
    """The finite points of a PLY file in the file's own frame; a CaptureError says what is wrong with the file."""
    _check_header(path)
    vertices = _read_vertices(path)
    xyz, rgb = _positions(vertices, path), _colors(vertices)
    finite = np.isfinite(xyz).all(axis=1)
    if not finite.any():
        raise CaptureError(
            f"None of the {len(xyz)} seed points in {path} has finite coordinates.",
            "At least one finite point is needed.",
            REEXPORT,
        )
    return SeedPoints(xyz[finite], rgb[finite], int((~finite).sum()))


def _check_header(path: Path) -> None:
    """Returns if the file is as long as its header promises, so that reading it cannot ask for absurd memory."""
    try:
        with open(path, "rb") as file:
            start = file.read(HEADER_LIMIT_BYTES)
            file_bytes = os.fstat(file.fileno()).st_size
    except FileNotFoundError as error:
        raise CaptureError(
            f"The seed points {path} do not exist.",
            "The file that 'ply_file_path' names is needed.",
            "Put it there, correct 'ply_file_path', or remove it from transforms.json to start from random points.",
        ) from error
    except OSError as error:
        raise CaptureError(
            f"The seed points {path} cannot be opened: {error.strerror}.",
            "A readable PLY file is needed.",
            "Check the path and its permissions.",
        ) from error
    header, mark, _ = start.partition(b"end_header")
    if not start.startswith(b"ply") or not mark:
        raise CaptureError(
            f"The seed points {path} are not a PLY file.",
            "A file that starts with 'ply' and has a header up to 'end_header' is needed.",
            REEXPORT,
        )
    promised = _promised_bytes(header.decode("ascii", errors="replace"))
    held = file_bytes - len(header) - len(mark)
    if promised > held:
        raise CaptureError(
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


def _read_vertices(path: Path) -> np.ndarray:
    """The rows of the element called 'vertex', of which there is at least one."""
    from plyfile import PlyData, PlyParseError

    try:
        elements = {element.name: element.data for element in PlyData.read(str(path)).elements}
    except (PlyParseError, ValueError, OverflowError, OSError, MemoryError) as error:
        raise CaptureError(
            f"The seed points {path} cannot be read: {error}.", "A complete, well-formed PLY file is needed.", REEXPORT
        ) from error
    if len(elements.get("vertex", ())) == 0:
        raise CaptureError(f"{path} holds no points.", "At least one vertex is needed.", REEXPORT)
    return elements["vertex"]


def _positions(vertices: np.ndarray, path: Path) -> Float32[np.ndarray, "n 3"]:
    """The x, y and z of every vertex; what float32 cannot hold becomes infinite."""
    names = _number_names(vertices)
    missing = [name for name in "xyz" if name not in names]
    if missing:
        raise CaptureError(
            f"The points in {path} have no {' and no '.join(missing)}.", "Each vertex needs x, y and z.", REEXPORT
        )
    with np.errstate(over="ignore"):
        return _columns(vertices, ("x", "y", "z")).astype(np.float32)


def _colors(vertices: np.ndarray) -> UInt8[np.ndarray, "n 3"]:
    """The 8-bit colour of every vertex: its own, a splat's base colour, or mid grey."""
    names = _number_names(vertices)
    for color_names in COLOR_NAMES:
        if names.issuperset(color_names):
            return _to_bytes(_columns(vertices, color_names))
    if names.issuperset(SPLAT_COLOR_NAMES):
        base_color = 0.5 + SH_C0 * _columns(vertices, SPLAT_COLOR_NAMES).astype(np.float64)
        return _quantise(base_color)
    return np.full((len(vertices), 3), MID_GREY, dtype=np.uint8)


def _number_names(vertices: np.ndarray) -> set[str]:
    """The properties that are one number per vertex, and no list."""
    return {name for name in vertices.dtype.names or () if vertices.dtype[name].kind in "iuf"}


def _columns(vertices: np.ndarray, names: tuple[str, ...]) -> Shaped[np.ndarray, "n 3"]:
    """The named properties side by side, in memory of their own instead of the mapped file's."""
    return np.stack([np.asarray(vertices[name]) for name in names], axis=1)


def _to_bytes(values: Shaped[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 3"]:
    """Colours as bytes, whichever of the customary ranges (0..1, 0..255, 0..65535) they were written in."""
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
