"""Parallel work on many files, with a progress bar if there are many."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rich.progress import track

QUIET = 100
"""Most files without a progress bar."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_files(function: Callable[[Item], Result], items: Sequence[Item], title: str) -> list[Result]:
    """The function's results in the order of the items; threads suffice, as decoders let each other run."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        results = pool.map(function, items)
        if len(items) <= QUIET:
            return list(results)
        return list(track(results, title, total=len(items), transient=True))
