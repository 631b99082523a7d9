"""How lists, numbers and JSON values are put in messages."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Any

SHOWN = 3
"""So many of a list are named."""


def some_of(names: Collection[str]) -> str:
    """The first names in quotes, and the number of the others."""
    shown = ", ".join(f"'{name}'" for name in islice(names, SHOWN))
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown


def all_of(names: Collection[str]) -> str:
    """All names in quotes."""
    return ", ".join(f"'{name}'" for name in names)


def counted(number: int, noun: str) -> str:
    """The number and the noun, with an s where it belongs."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def one_line(text: str, most: int) -> str:
    """The beginning of a text as one line that can be printed, whatever stands in it."""
    printable = "".join(character if character.isprintable() else " " for character in text[: 4 * most])
    return " ".join(printable.split())[:most]


def json_kind(value: Any) -> str:
    """What a value is called in JSON, with its article."""
    for kind, name in ((dict, "an object"), (list, "a list"), (str, "a string"), (bool, "a truth value")):
        if isinstance(value, kind):
            return name
    return "null" if value is None else "a number"
