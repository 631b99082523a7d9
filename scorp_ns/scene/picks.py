"""The objects that were picked by a click, as a file remembers them: picks.json beside a run's objects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from scorp_ns.errors import OutputError
from scorp_ns.json_files import write_json

PICKS_FILE = "picks.json"

FORMAT = 1
"""Version of picks.json; it grows when a reader of the old one would go wrong."""


@dataclass(frozen=True)
class Pick:
    """A click on an object, in the frame and the units of the capture."""

    name: str
    point: tuple[float, float, float]
    """The point that the click hit."""
    reach: float
    """The object ends within this distance of the point."""


def write_picks(folder: Path, picks: Sequence[Pick]) -> None:
    """Write picks.json, replacing what was there."""
    path = folder / PICKS_FILE
    try:
        write_json(path, {"format": FORMAT, "picks": [asdict(pick) for pick in picks]})
    except OSError as error:
        raise OutputError(
            f"The picked objects cannot be remembered in {path} ({error.strerror or error}).",
            "A folder that can be written is needed.",
            "Free some space, or mend its permissions.",
        ) from error


def read_picks(folder: Path) -> tuple[Pick, ...]:
    """The picks that `write_picks` wrote; none where there is no file."""
    path = folder / PICKS_FILE
    if not path.exists():
        return ()
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["picks"]
        return tuple(_pick(entry) for entry in entries)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"The picked objects in {path} cannot be read ({error}).",
            "A list of names, points and reaches is needed.",
            "Mend the file, or delete it and pick the objects again.",
        ) from error


def _pick(entry: dict) -> Pick:
    x, y, z = map(float, entry["point"])
    return Pick(str(entry["name"]), (x, y, z), float(entry["reach"]))
