"""Documents as files, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from scorp_ns.errors import OutputError
from scorp_ns.json_files import write_whole


def write_text(path: Path, text: str) -> Path:
    """Write the file whole or not at all; its path."""
    try:
        write_whole(path, text)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror or error}).",
            "A folder that can be written, with room on the disk, is needed.",
            "Free some space, mend its permissions, or choose another folder for the output.",
        ) from error
    return path
