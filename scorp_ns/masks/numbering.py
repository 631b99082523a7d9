"""Labels of named objects from the ids in files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Int16

from scorp_ns.errors import MaskError
from scorp_ns.masks.entries import NamedObject
from scorp_ns.masks.names import distinct_name
from scorp_ns.masks.pixels import MOST_ID, MaskFileError
from scorp_ns.masks.raw import IdReader, RawMasks
from scorp_ns.masks.survey import Survey
from scorp_ns.messages import SHOWN, counted
from scorp_ns.products import MOST_OBJECTS, UNKNOWN, LabelMap, ObjectInfo, ObjectMasks

Labels = Int16[np.ndarray, " ids"]
"""The label of every id; the last entry is that of UNKNOWN."""


def number_objects(raw: RawMasks, seen: Survey, source: str, warn: Callable[[str], None]) -> ObjectMasks:
    """The masks with labels 1, 2, ... for the named objects, or for all ids where none are named."""
    objects = list(raw.objects)
    known = {named.id for named in objects}
    strange = {number: count for number, count in sorted(seen.pixels.items()) if number not in (*known, 0, UNKNOWN)}
    if raw.names_ids:
        objects += _named_by_id(strange, {named.info.name for named in objects})
    elif strange:
        _warn_of_strangers(strange, warn)
    if len(objects) > MOST_OBJECTS:
        raise MaskError(
            f"The masks tell {len(objects)} objects apart.",
            f"There can be up to {MOST_OBJECTS}.",
            "Check that the pixels of the maps hold ids and nothing else.",
        )
    labels = np.zeros(MOST_ID + 2, np.int16)
    labels[UNKNOWN] = UNKNOWN
    for label, named in enumerate(objects, start=1):
        if named.id is not None:
            labels[named.id] = label
    readers = tuple(
        _label_reader(reader, labels) if reader and frame not in seen.bad_frames else None
        for frame, reader in enumerate(raw.readers)
    )
    return ObjectMasks(tuple(named.info for named in objects), readers, source)


def with_boxes(masks: ObjectMasks, boxed: list[NamedObject]) -> ObjectMasks:
    """The masks, and after their objects those that are only known by a box."""
    known = {info.name for info in masks.objects}
    boxes = {named.info.name: named.info.box for named in boxed}
    objects = [info if info.box else replace(info, box=boxes.get(info.name)) for info in masks.objects]
    objects += [named.info for named in boxed if named.info.name not in known]
    return replace(masks, objects=tuple(objects))


def _label_reader(read_ids: IdReader, labels: Labels) -> Callable[[], LabelMap]:
    """A reader of labels; a mask that can no longer be read ends the run."""

    def read() -> LabelMap:
        try:
            ids = read_ids()
        except MaskFileError as problem:
            raise MaskError(
                f"The mask {problem}, though it could be read at the start.",
                "Masks must stay in place while the run reads them.",
                "Put it back and resume the run.",
            ) from problem
        return labels[np.where(ids > MOST_ID, 0, ids)]

    return read


def _named_by_id(strange: dict[int, int], used: set[str]) -> list[NamedObject]:
    """Objects for ids without a name."""
    names = {number: f"object_{number}" for number in strange}
    names = {number: distinct_name(name, used) if name in used else name for number, name in names.items()}
    return [NamedObject(ObjectInfo(name), number) for number, name in names.items()]


def _warn_of_strangers(strange: dict[int, int], warn: Callable[[str], None]) -> None:
    """Warn of ids without a name, the most frequent first."""
    by_count = sorted(strange.items(), key=lambda item: -item[1])
    what = [f"{_id_text(number)} ({counted(count, 'pixel')})" for number, count in by_count[:SHOWN]]
    more = f" and {len(strange) - SHOWN} more" if len(strange) > SHOWN else ""
    warn(f"No name is given for {', '.join(what)}{more} in the masks; these pixels count as no object.")


def _id_text(number: int) -> str:
    """The id, or the colour that it stands for."""
    return f"id {number}" if number <= MOST_ID else f"colour #{number - MOST_ID - 1:06x}"
