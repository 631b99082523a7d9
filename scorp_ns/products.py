"""What flows from stage to stage: frozen, and checked when made."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int16

UNKNOWN = -1
"""The label of a pixel of which nobody says whether it shows an object."""

MOST_OBJECTS = 2**15 - 1
"""What the labels of a map, 16-bit numbers with a sign, can tell apart."""

LabelMap = Int16[np.ndarray, "h w"]
"""One image's labels: 0 where no object is, k on the k-th object, UNKNOWN where nobody says."""


@dataclass(frozen=True)
class ObjectBox:
    """A box in the capture frame that holds one object."""

    center: tuple[float, float, float]
    size: tuple[float, float, float]
    """Whole lengths of its sides, in the capture's units."""
    wxyz: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    """How its sides are turned from the capture's axes: a quaternion of any length but 0."""

    def __post_init__(self) -> None:
        assert all(map(math.isfinite, (*self.center, *self.size, *self.wxyz)))
        assert all(side > 0 for side in self.size) and any(self.wxyz)


@dataclass(frozen=True)
class ObjectInfo:
    """What is known of an object before anything is computed."""

    name: str
    prompt: str | None = None
    """How to describe the object to a generator; its name, where nobody says."""
    color: tuple[int, int, int] | None = None
    """How to paint the object in pictures, in 0..255."""
    box: ObjectBox | None = None
    """Where the object is, for objects without masks."""

    def __post_init__(self) -> None:
        assert self.name.strip()


@dataclass(frozen=True)
class ObjectMasks:
    """Which pixels of which frames show which object."""

    objects: tuple[ObjectInfo, ...]
    """The object with label k is `objects[k - 1]`."""
    readers: tuple[Callable[[], LabelMap] | None, ...]
    """One per frame, which reads its map at the mask's own size; None for a frame that has no map."""
    source: str
    """Where the masks come from, for people."""

    def __post_init__(self) -> None:
        names = [info.name for info in self.objects]
        assert len(set(names)) == len(names) <= MOST_OBJECTS

    def label_map(self, frame: int) -> LabelMap | None:
        """The labels of a frame's pixels; None where the frame has no map."""
        reader = self.readers[frame]
        return None if reader is None else reader()

    def without(self, names: set[str]) -> ObjectMasks:
        """The same masks where pixels of the named objects show no object."""
        new_labels = np.zeros(len(self.objects) + 2, np.int16)
        new_labels[UNKNOWN] = UNKNOWN
        kept = [index for index, info in enumerate(self.objects) if info.name not in names]
        new_labels[[index + 1 for index in kept]] = np.arange(1, len(kept) + 1)

        def relabelled(reader: Callable[[], LabelMap]) -> Callable[[], LabelMap]:
            return lambda: new_labels[reader()]

        readers = tuple(None if reader is None else relabelled(reader) for reader in self.readers)
        return replace(self, objects=tuple(self.objects[index] for index in kept), readers=readers)
