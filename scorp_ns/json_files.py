"""JSON files: those that users write, read with errors that name them; ours, written whole or not at all."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from scorp_ns.errors import ScorpError

DIGITS = 8
"""Significant digits kept, as many as float32 may need, since a capture's unit may be a kilometre or a millimetre."""


def read_json(path: Path, kind: type[ScorpError], needed: str, do: str) -> Any:
    """The file's content; an error of this kind, with these words, says why it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except json.JSONDecodeError as error:
        wrong = f"is not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
    except UnicodeDecodeError:
        wrong = "is not UTF-8 text"
    except RecursionError:
        wrong = "is nested too deeply"
    except ValueError:
        wrong = "holds a number of too many digits"
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
    raise kind(f"{path} {wrong}.", needed, do)


def json_or_none(path: Path) -> Any:
    """The file's content, or None if it is not readable JSON: for files that others check."""
    try:
        return read_json(path, ScorpError, "", "")
    except ScorpError:
        return None


def write_json(path: Path, content: Any) -> None:
    """Write all of the file or nothing, in folders that are made where they are missing; an OSError if that fails."""
    write_whole(path, json_text(content))


def json_text(content: Any) -> str:
    """The content as our files have it."""
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def write_whole(path: Path, text: str) -> None:
    """Write all of a text or nothing, as `write_json` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        # Names of files on disk need not be text.
        unfinished.write_bytes(text.encode("utf-8", "backslashreplace"))
        os.replace(unfinished, path)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def rounded(values: Any) -> Any:
    """Numbers, or lists or a tensor of them, rounded to significant digits."""
    values = values.tolist() if hasattr(values, "tolist") else values
    return [rounded(value) for value in values] if isinstance(values, list) else float(f"{values:.{DIGITS}g}")
