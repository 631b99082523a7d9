"""What people are told of an export."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from scorp_ns.messages import counted

if TYPE_CHECKING:
    from scorp_ns.finished.choices import ExportResult, Format

VIEWERS: dict[Format, str] = {
    "splat": "Gaussians (PLY): drop the file onto https://superspl.at/editor",
    "spz": "SPZ: drop the file onto https://superspl.at/editor",
    "glb": "GLB: Blender (File > Import), or drop the file onto https://gltf-viewer.donmccurdy.com",
    "obj": "OBJ: Blender or MeshLab; keep its .mtl and .png files beside it",
    "ply": "meshes (PLY): Blender or MeshLab",
    "usd": "USD: Blender, usdview or Omniverse; keep its .png files beside it",
    "usdz": "USDZ: Apple's Quick Look, or Blender",
    "urdf": "URDF: PyBullet, Isaac or RViz; keep the folder simulation beside it",
    "mjcf": "MJCF: python -m mujoco.viewer --mjcf FILE; keep the folder simulation beside it",
}
"""Where files of each format can be looked at."""


def tell(result: ExportResult) -> None:
    """Show all files with their sizes, how to look at them, and what is missing and why."""
    from nerfstudio.utils.rich_utils import CONSOLE

    sizes = {name: (result.folder / name).stat().st_size for name in result.files}
    lines = [f"{result.folder}/", *listing(sizes), "To look at them:"]
    for line in [*lines, *(f"  {VIEWERS[name]}" for name in result.formats)]:
        CONSOLE.print(line, markup=False, highlight=False, soft_wrap=True)
    for note in result.notes:
        CONSOLE.print(note, style="yellow", markup=False)


def listing(sizes: Mapping[str, int]) -> Iterator[str]:
    """Files with their sizes, folder by folder; those of a folder whose names differ only in numbers are one line."""
    by_folder = sorted(sizes, key=lambda name: (PurePosixPath(name).parent.parts, name))
    for folder, names in groupby(by_folder, lambda name: PurePosixPath(name).parent.as_posix()):
        indent = "  "
        if folder != ".":
            yield f"  {folder}/"
            indent = "    "
        for pattern, alike in _alike(list(names)).items():
            size = sum(sizes[name] for name in alike)
            yield f"{indent}{_readable(size):>9}  {pattern}" + (
                f"  ({counted(len(alike), 'file')})" if len(alike) > 1 else ""
            )


def _alike(names: Sequence[str]) -> dict[str, list[str]]:
    """Files of one folder by what their names share, which is all of the name where a file is the only one."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(re.sub(r"\d+", "*", PurePosixPath(name).name), []).append(name)
    return {PurePosixPath(of[0]).name if len(of) == 1 else pattern: of for pattern, of in groups.items()}


def _readable(size: int) -> str:
    """A file's size in the unit that suits it."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(round(size / 1e3), 1)} kB"
