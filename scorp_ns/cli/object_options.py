"""What `scorp export` and `scorp extract` may be asked for alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scorp_ns.finished.choices import ExportChoices, Format


@dataclass(kw_only=True)
class ObjectOptions:
    """How objects of a finished run are written."""

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
        from scorp_ns.cli.exported import tell
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
