"""`scorp extract`: one object of a finished run, alone."""

from __future__ import annotations

from dataclasses import dataclass

from scorp_ns.cli.object_options import ObjectOptions
from scorp_ns.finished.choices import Format


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
