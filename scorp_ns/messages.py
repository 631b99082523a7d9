"""Lists, numbers and JSON values as messages show them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
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


def unknown_objects(
    where: str, wrong: Collection[str], known: Collection[str], whose: str, without: str
) -> tuple[str, str, str]:
    """A message's three parts, found, needed and do, for names of objects that do not exist.

    `where` the names stand, `whose` the known objects are, and what to do `without` any.
    """
    found = f"{where} names {all_of(wrong)}, but the {whose} has no object of that name."
    if not known:
        return found, f"The {whose} has no objects at all.", without
    return found, f"The {whose}'s objects are {all_of(known)}.", did_you_mean(wrong, known)


def did_you_mean(wrong: Iterable[str], known: Collection[str]) -> str:
    """A question after the known names that resemble wrong ones, or else the advice to correct these."""
    by_small = {name.lower(): name for name in known}
    near = [match for name in wrong for match in get_close_matches(name.lower(), by_small, n=1)]
    return f"Did you mean {all_of([by_small[name] for name in dict.fromkeys(near)])}?" if near else "Correct the name."


def counted(number: int, noun: str) -> str:
    """The number and the noun, with an s where it belongs."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def one_line(text: str, most: int) -> str:
    """The beginning of a text as one line that can be printed, whatever stands in it."""
    printable = "".join(character if character.isprintable() else " " for character in text[: 4 * most])
    return " ".join(printable.split())[:most]


def json_kind(value: Any) -> str:
    """A value's kind in JSON, with its article."""
    for kind, name in ((dict, "an object"), (list, "a list"), (str, "a string"), (bool, "a truth value")):
        if isinstance(value, kind):
            return name
    return "null" if value is None else "a number"
