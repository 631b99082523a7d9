"""Documents as files, whole or not at all."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from scorp_ns.errors import OutputError


def write_text(path: Path, text: str) -> Path:
    """Write the file whole or not at all; its path."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Names of files on disk need not be text.
        unfinished.write_bytes(text.encode("utf-8", "backslashreplace"))
        os.replace(unfinished, path)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror or error}).",
            "A folder that can be written, with room on the disk, is needed.",
            "Free some space, mend its permissions, or choose another folder for the output.",
        ) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return path


def document_text(document: Any) -> str:
    """The document, which is plain JSON, as a file has it."""
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
