"""The common result of all layouts: id maps, and the names of their ids."""

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
    """True if ids without a name are objects named after their id, rather than no objects."""


@dataclass(frozen=True)
class FoundMasks:
    """Masks found in some layout, before any is opened."""

    title: str
    """A description for people: 'label maps in masks/'."""
    path: Path
    """The masks-path that chooses them."""
    keys: tuple[str, ...]
    """Names of the masks, to show when they match no frame."""
    files: Sequence[Path | str | None]
    """For each frame the file or the place in it that holds its masks, or None."""
    read: Callable[[], RawMasks]
    """Opens what has to be opened to know the objects."""

    @property
    def num_frames(self) -> int:
        """The number of frames with masks."""
        return sum(file is not None for file in self.files)


class Layout(Protocol):
    """A layout of mask files in a folder."""

    def find(self, folder: Path, request: MaskRequest) -> FoundMasks | None:
        """The masks in this layout in the folder of a capture; None if there are none."""
        ...
