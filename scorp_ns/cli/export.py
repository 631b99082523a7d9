"""`scorp export` and `scorp extract`: a finished run's objects and scene as files for other programs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from scorp_ns.finished.choices import ExportChoices, Format
from scorp_ns.messages import counted

if TYPE_CHECKING:
    from scorp_ns.finished.choices import ExportResult

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
"""Viewers for files of each format."""


@dataclass(kw_only=True)
class ObjectOptions:
    """Options for writing the objects of a finished run."""

    load_config: Path
    """The run's config.yml."""
    output_dir: Path
    """Folder for the files: a new one, an empty one, or with --overwrite that of an earlier export."""
    formats: tuple[Format, ...] = ("splat", "glb", "ply")
    """`splat` (a PLY) and `spz` hold Gaussians, `glb`, `obj`, `ply`, `usd`, `usdz` meshes, `urdf` and `mjcf` bodies."""
    frame: Literal["capture", "object"] = ExportChoices.frame
    """Numbers of an object's files: as in the capture, or from the middle of its own upright box."""
    target_faces: int = ExportChoices.target_faces
    """Triangles of a mesh, at most."""
    texture_size: int = ExportChoices.texture_size
    """Side of a texture, in texels."""
    convex_parts: int = ExportChoices.convex_parts
    """Parts of a body in URDF and MJCF, at most."""
    density: float = ExportChoices.density
    """Kilograms per cubic unit, for the masses in URDF and MJCF."""
    overwrite: bool = False
    """Replace an earlier export in the folder."""

    def write(self, names: tuple[str, ...], option: str, with_scene: bool) -> int:
        """Write the objects that an option names, or all where it names none; 0 as exit code."""
        from scorp_ns.finished.exporting import export_run

        choices = ExportChoices(
            formats=self.formats,
            frame=self.frame,
            target_faces=self.target_faces,
            texture_size=self.texture_size,
            convex_parts=self.convex_parts,
            density=self.density,
        )
        tell(export_run(self.load_config, self.output_dir, names, choices, with_scene, self.overwrite, option))
        return 0


@dataclass(kw_only=True)
class Export(ObjectOptions):
    """Write the objects and the scene of a finished run as files: Gaussians, textured meshes, bodies for simulators."""

    objects: tuple[str, ...] = ()
    """Names of the objects; all where none is given."""
    scene: bool = True
    """Write everything together as well."""

    def main(self) -> int:
        """Write the files; 0 as exit code."""
        return self.write(self.objects, "--objects", self.scene)


@dataclass(kw_only=True)
class Extract(ObjectOptions):
    """Write one object of a finished run alone: its composed Gaussians and its mesh."""

    object: str
    """Its name."""
    formats: tuple[Format, ...] = ("splat", "glb")
    """As in `scorp export`."""

    def main(self) -> int:
        """Write the files; 0 as exit code."""
        return self.write((self.object,), "--object", with_scene=False)


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
