"""What came of an export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ExportResult:
    """Files, and what people should know of them."""

    files: tuple[Path, ...]
    """The file to open of each format, per object and for the scene; last the manifest."""
    notes: tuple[str, ...]
    """What is missing, and why."""
