"""`scorp remove`: a finished run's scene without some of its objects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass
class Remove:
    """Write the scene of a finished run without some of its objects, the ground closed below and behind them."""

    load_config: Path
    """The run's config.yml."""
    object: tuple[str, ...]
    """Names of the objects that go."""
    output_dir: Path
    """Folder for the files: a new one, an empty one, or with --overwrite that of an earlier export."""
    overwrite: bool = False
    """Replace an earlier export in the folder."""

    def main(self) -> int:
        """Write the files; 0 as exit code."""
        from scorp_ns.cli.export import tell
        from scorp_ns.errors import ScorpError
        from scorp_ns.finished.removing import remove_objects

        if not self.object:
            raise ScorpError("--object is empty.", "At least one object has to go.", "Name it.")
        tell(remove_objects(self.load_config, self.output_dir, self.object, self.overwrite))
        return 0
