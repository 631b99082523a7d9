"""`scorp export`: a finished run's objects and scene as files for other programs."""

from __future__ import annotations

from dataclasses import dataclass

from scorp_ns.cli.object_options import ObjectOptions


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
