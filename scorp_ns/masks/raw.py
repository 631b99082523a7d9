"""What every layout yields: maps of ids, and the names that are known for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scorp_ns.masks.entries import NamedObject
from scorp_ns.masks.pixels import IdMap
from scorp_ns.masks.source import MaskRequest

IdReader = Callable[[], IdMap]
"""Reads the ids of one frame, or raises MaskFileError."""


@dataclass(frozen=True)
class RawMasks:
    """Masks as a layout reads them."""

    readers: tuple[IdReader | None, ...]
    """One per frame; None where the layout has nothing for it."""
    objects: tuple[NamedObject, ...]
    """The objects that are known by name, in the order of their labels."""
    names_ids: bool = False
    """Whether ids that no name knows are objects called by their id, rather than no objects."""


@dataclass(frozen=True)
class FoundMasks:
    """Masks that lie in a layout somewhere, before any is opened."""

    title: str
    """What they are, for people: 'label maps in masks/'."""
    path: Path
    """What to pass as masks-path to choose them."""
    keys: tuple[str, ...]
    """What the masks are called, to show when no frame has one."""
    files: Sequence[Path | str | None]
    """For each frame the file or the place in it that holds its masks, or None."""
    read: Callable[[], RawMasks]
    """Opens what has to be opened to know the objects."""

    @property
    def num_frames(self) -> int:
        """How many frames have masks."""
        return sum(file is not None for file in self.files)


class Layout(Protocol):
    """A way in which masks may lie in a folder."""

    def find(self, folder: Path, request: MaskRequest) -> FoundMasks | None:
        """The masks that lie this way in the folder of a capture; None if none do."""
        ...
