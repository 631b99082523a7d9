"""JSON files that users write, read with errors that name them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scorp_ns.errors import ScorpError


def read_json(path: Path, kind: type[ScorpError], needed: str, do: str) -> Any:
    """What the file holds; an error of this kind, with these words, says why it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except json.JSONDecodeError as error:
        wrong = f"is not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
    except UnicodeDecodeError:
        wrong = "is not UTF-8 text"
    except RecursionError:
        wrong = "is nested too deeply"
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
    raise kind(f"{path} {wrong}.", needed, do)


def json_or_none(path: Path) -> Any:
    """What the file holds, or None if it is not readable JSON: for files that others check."""
    try:
        return read_json(path, ScorpError, "", "")
    except ScorpError:
        return None
