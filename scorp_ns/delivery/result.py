"""What came of an export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scorp_ns.delivery.formats import Format


@dataclass(frozen=True)
class ExportResult:
    """Files, and what people should know of them."""

    folder: Path
    files: tuple[str, ...]
    """All files that were written, as seen from the folder."""
    formats: tuple[Format, ...]
    """What they are."""
    notes: tuple[str, ...]
    """What is missing, and why."""
