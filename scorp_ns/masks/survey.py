"""A first reading of all masks, before the run relies on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scorp_ns.errors import MaskError
from scorp_ns.masks.parallel import map_files
from scorp_ns.masks.pixels import MOST_ID, ColourMaskError, IdMap, MaskFileError, WrongSizeError
from scorp_ns.masks.raw import IdReader
from scorp_ns.messages import SHOWN, counted
from scorp_ns.products import UNKNOWN

ADVICE = {
    WrongSizeError: (
        "A mask must show the same pixels as its image, at any scale.",
        "Make the masks from the images that are trained on, or crop and turn both alike.",
    ),
    ColourMaskError: (
        "A map of colours needs a 'color' for each object in objects.json.",
        "Add [red, green, blue] to each object there, or save the ids themselves as 8-bit or 16-bit PNG.",
    ),
}
"""The texts (needed, do) for faults that are about more than one file."""

UNREADABLE = (
    "Most of the masks must be readable.",
    "Make or copy them again, and check the paths where a file names them.",
)


@dataclass(frozen=True)
class Survey:
    """Pixel counts over all masks of a run."""

    pixels: dict[int, int]
    """The number of pixels of each id in all frames."""
    bad_frames: frozenset[int]
    """Frames whose masks cannot be used."""


def survey(readers: Sequence[IdReader | None], title: str, warn: Callable[[str], None]) -> Survey:
    """The survey of the masks; a MaskError if most of them cannot be used, else a warning for each kind of fault."""
    frames = [frame for frame, reader in enumerate(readers) if reader]
    results = map_files(_read, [reader for reader in readers if reader], "Reading object masks")
    bad = {frame: result for frame, result in zip(frames, results, strict=True) if isinstance(result, MaskFileError)}
    if bad:
        _report(list(bad.values()), len(frames), title, warn)
    pixels: Counter[int] = Counter()
    for result in results:
        if not isinstance(result, MaskFileError):
            pixels.update(result)
    return Survey(dict(pixels), frozenset(bad))


def _read(reader: IdReader) -> dict[int, int] | MaskFileError:
    """The number of pixels of each id, or the fault."""
    try:
        return _count(reader())
    except MaskFileError as problem:
        return problem


def _count(ids: IdMap) -> dict[int, int]:
    """The number of pixels of each id; sorting is slow, and only colours need it."""
    if ids.max() > MOST_ID:
        values, counts = np.unique(ids, return_counts=True)
    else:
        every = np.bincount(ids.ravel() - UNKNOWN)
        values = np.flatnonzero(every)
        values, counts = values + UNKNOWN, every[values]
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _report(bad: list[MaskFileError], num_masks: int, title: str, warn: Callable[[str], None]) -> None:
    """Warn of masks that cannot be used, or raise a MaskError if too few are left."""
    kinds: dict[type[MaskFileError], list[MaskFileError]] = {}
    for problem in bad:
        kinds.setdefault(type(problem), []).append(problem)
    for kind, problems in kinds.items():
        examples = "; ".join(map(str, problems[:SHOWN]))
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        needed, do = ADVICE.get(kind, UNREADABLE)
        if 2 * len(bad) > num_masks and kind is max(kinds, key=lambda kind: len(kinds[kind])):
            found = f"Of {counted(num_masks, 'frame')} with {title}, {len(bad)} cannot be used: "
            raise MaskError(f"{found}{examples}{more}.", needed, do)
    for problems in kinds.values():
        examples = "; ".join(map(str, problems[:SHOWN]))
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        warn(f"Objects are unknown in {counted(len(problems), 'frame')}, whose masks cannot be used: {examples}{more}.")
