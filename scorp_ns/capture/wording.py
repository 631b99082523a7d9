"""Lists as a reader wants them in a message: the first few, and how many more there are."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

SHOWN = 3
"""So many of a list are named."""


def some_of(names: Collection[str]) -> str:
    """The first names in quotes, and the number of the others."""
    shown = ", ".join(f"'{name}'" for name in islice(names, SHOWN))
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown


def counted(number: int, noun: str) -> str:
    """The number and the noun, with an s where it belongs."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
