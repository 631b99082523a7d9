"""What users are told, kept word for word; SCORP_WRITE_MESSAGES=1 writes what is said now."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path


def check_message(path: Path, name: str, said: str, faults: Collection[str]) -> None:
    """Compare what is said of one of the faults with what the file keeps, or keep it."""
    messages = json.loads(path.read_text()) if path.exists() else {}
    if os.environ.get("SCORP_WRITE_MESSAGES"):
        kept = {known: messages[known] for known in faults if known in messages}
        path.write_text(json.dumps(kept | {name: said}, indent=2, ensure_ascii=False) + "\n")
        return
    assert said == messages[name]


def check_names(path: Path, faults: Collection[str]) -> None:
    """Every fault has its message, and there is no other."""
    assert set(json.loads(path.read_text())) == set(faults)
