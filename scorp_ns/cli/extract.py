"""`scorp extract`: one object of a finished run, alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scorp_ns.delivery.formats import Format


@dataclass
class Extract:
    """Write one object of a finished run alone: its composed Gaussians and its mesh."""

    load_config: Path
    """The run's config.yml."""
    object: str
    """Its name."""
    output_dir: Path
    """Folder for the files, which must not exist yet or be empty."""
    formats: tuple[Format, ...] = ("splat", "glb")
    """As in `scorp export`."""
    frame: Literal["capture", "object"] = "capture"
    """Numbers as in the capture, or from the middle of the object's own upright box."""
    overwrite: bool = False
    """Replace an earlier export in the folder."""

    def main(self) -> int:
        """Write the files; 0 as exit code."""
        from scorp_ns.cli.exported import tell
        from scorp_ns.delivery.choices import ExportChoices
        from scorp_ns.delivery.exporting import export_run

        choices = ExportChoices(formats=self.formats, frame=self.frame)
        tell(
            export_run(
                self.load_config,
                self.output_dir,
                (self.object,),
                choices,
                with_scene=False,
                overwrite=self.overwrite,
                option="--object",
            )
        )
        return 0
