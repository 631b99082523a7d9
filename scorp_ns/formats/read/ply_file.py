"""The kind of object in a PLY file, from its header, which is checked against the file."""

from __future__ import annotations

from enum import Enum, auto

from scorp_ns.formats.point_ply import HEADER_LIMIT_BYTES, check_header
from scorp_ns.formats.read.limits import MOST_TRIANGLES, MOST_VERTICES
from scorp_ns.formats.read.ply_splats import ply_role
from scorp_ns.formats.read.source import AssetSource

SPLAT_PROPERTIES = frozenset({"f_dc_0", "scale_0", "rot_0", "opacity"})
"""Any two of these mark Gaussians, also where some are missing."""


class PlyKind(Enum):
    """The kind of object in a PLY file."""

    MESH = auto()
    SPLATS = auto()


def ply_kind(source: AssetSource) -> PlyKind:
    """The kind of object in the file; an error if it is neither mesh nor Gaussians, too large, or cut short."""
    check_header(source.path, ply_role(source))
    with source.path.open("rb") as file:
        header = file.read(HEADER_LIMIT_BYTES).partition(b"end_header")[0].decode("ascii", errors="replace")
    lines = [line.split() for line in header.splitlines()]
    counts = {line[1]: _number(line[2]) for line in lines if len(line) == 3 and line[0] == "element"}
    properties = {line[-1] for line in lines if line and line[0] == "property"}
    if max(counts.values(), default=0) > max(MOST_VERTICES, MOST_TRIANGLES):
        raise source.fault(
            f"promises {max(counts.values())} rows", f"Up to {MOST_VERTICES} are read.", "Make it coarser before."
        )
    if "packed_position" in properties:
        raise source.fault(
            "holds compressed Gaussians",
            "An uncompressed PLY of 3D Gaussian Splatting is needed.",
            "Export it as an uncompressed PLY, for instance with SuperSplat.",
        )
    if counts.get("face"):
        return PlyKind.MESH
    if len(SPLAT_PROPERTIES & properties) >= 2:
        return PlyKind.SPLATS
    what = f"{counts['vertex']} points and no triangles" if counts.get("vertex") else "no triangles"
    raise source.fault(f"holds {what}", "A surface of triangles, or Gaussians, are needed.")


def _number(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 20 else 0
