"""`scorp export`: a finished run's objects and scene as files for other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scorp_ns.delivery.formats import Format


@dataclass
class Export:
    """Write the objects and the scene of a finished run as files: Gaussians, textured meshes, bodies for simulators."""

    load_config: Path
    """The run's config.yml."""
    output_dir: Path
    """Folder for the files, which must not exist yet or be empty."""
    formats: tuple[Format, ...] = ("splat", "glb", "ply")
    """`splat` (a PLY) and `spz` hold Gaussians, `glb`, `obj`, `ply`, `usd`, `usdz` meshes, `urdf` and `mjcf` bodies."""
    objects: tuple[str, ...] = ()
    """Names of the objects; all where none is given."""
    scene: bool = True
    """Write everything together as well."""
    frame: Literal["capture", "object"] = "capture"
    """Numbers of an object's files: as in the capture, or from the middle of its own upright box."""
    target_faces: int = 10_000
    """Triangles of a mesh, at most."""
    texture_size: int = 1024
    """Side of a texture, in texels."""
    convex_parts: int = 16
    """Parts of a body in URDF and MJCF, at most."""
    density: float = 1000.0
    """Kilograms per cubic unit, for the masses in URDF and MJCF."""
    overwrite: bool = False
    """Replace an earlier export in the folder."""

    def main(self) -> int:
        """Write the files; 0 as exit code."""
        from scorp_ns.cli.exported import tell
        from scorp_ns.delivery.choices import ExportChoices
        from scorp_ns.delivery.exporting import export_run

        choices = ExportChoices(
            formats=self.formats,
            frame=self.frame,
            target_faces=self.target_faces,
            texture_size=self.texture_size,
            convex_parts=self.convex_parts,
            density=self.density,
        )
        tell(
            export_run(
                self.load_config,
                self.output_dir,
                self.objects,
                choices,
                with_scene=self.scene,
                overwrite=self.overwrite,
            )
        )
        return 0
