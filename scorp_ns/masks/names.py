"""The names of objects, from objects.json or labels.json beside the masks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scorp_ns.errors import MaskError
from scorp_ns.json_files import read_json
from scorp_ns.masks.entries import NamedObject, read_entry
from scorp_ns.messages import json_kind

OBJECTS_FILE = "objects.json"

NAMES_FILES = (OBJECTS_FILE, "labels.json")
"""Files that may name the objects; the first that exists is read."""

NEEDED = (
    "It must list objects: [{'id': 1, 'name': 'mug'}, ...], {'objects': [...]}, {'mug': 1}, {'1': 'mug'} "
    "or ['mug', ...]."
)

BACKGROUND = frozenset({"background", "_background_", "__background__", "unlabeled", "unlabelled", "void"})
"""Usual names of id 0."""


@dataclass(frozen=True)
class NameTable:
    """The objects that a file names, in its order; no two have the same name or id."""

    objects: tuple[NamedObject, ...] = ()
    path: Path | None = None
    """The file; None where there is none."""


def find_names(folders: Iterable[Path], warn: Callable[[str], None]) -> NameTable:
    """The names in the first names file that lies in one of the folders."""
    for folder in dict.fromkeys(folders):
        for name in NAMES_FILES:
            if (folder / name).is_file():
                return read_names(folder / name, warn)
    return NameTable()


def read_names(path: Path, warn: Callable[[str], None]) -> NameTable:
    """The objects in a names file; duplicates are renamed or left out, with a warning."""
    content = read_json(path, MaskError, NEEDED, "Repair it, or remove it to have objects called by their ids.")
    objects = [read_entry(path, entry) for entry in _entries(path, content)]
    if objects and all(named.id is None for named in objects):
        first = 0 if objects[0].info.name.lower() in BACKGROUND else 1
        objects = [replace(named, id=number) for number, named in enumerate(objects, start=first)]
    objects = _without_background(path, objects, warn)
    objects = _with_distinct_ids(path, objects, warn)
    return NameTable(tuple(_with_distinct_names(path, objects, warn)), path)


def _entries(path: Path, content: Any) -> list[Any]:
    """One entry per object, from any of the forms that are understood."""
    if isinstance(content, dict) and isinstance(content.get("objects"), (list, dict)):
        content = content["objects"]
    if isinstance(content, list):
        return content
    if isinstance(content, dict):
        if all(isinstance(value, int) and not isinstance(value, bool) for value in content.values()):
            return [{"name": name, "id": number} for name, number in content.items()]
        if all(isinstance(value, str) for value in content.values()):
            return [{"name": name, "id": number} for number, name in content.items()]
    what = "values of several kinds" if isinstance(content, dict) else f"{json_kind(content)} at its top"
    raise MaskError(f"{path} holds {what}.", NEEDED, "Correct it in the file.")


def _without_background(path: Path, objects: list[NamedObject], warn: Callable[[str], None]) -> list[NamedObject]:
    """All objects but id 0, which is background."""
    for named in objects:
        if named.id == 0 and named.info.name.lower() not in BACKGROUND:
            warn(f"{path} gives '{named.info.name}' the id 0, which means no object; it is left out.")
    return [named for named in objects if named.id != 0]


def _with_distinct_ids(path: Path, objects: list[NamedObject], warn: Callable[[str], None]) -> list[NamedObject]:
    """The first object of each id."""
    kept: dict[object, NamedObject] = {}
    for named in objects:
        first = kept.setdefault(named if named.id is None else named.id, named)
        if first is not named and first != named:
            warn(
                f"{path} gives the id {named.id} to '{first.info.name}' and to '{named.info.name}'; "
                f"'{named.info.name}' is left out."
            )
    return list(kept.values())


def _with_distinct_names(path: Path, objects: list[NamedObject], warn: Callable[[str], None]) -> list[NamedObject]:
    """All objects, where the second of a name has a number behind it."""
    given = {named.info.name for named in objects}
    used: set[str] = set()
    distinct: list[NamedObject] = []
    for named in objects:
        name = named.info.name
        if name in used:
            name = distinct_name(name, given)
            warn(f"{path} names two objects '{named.info.name}'; the one with id {named.id} is called '{name}'.")
        used.add(name)
        given.add(name)
        distinct.append(replace(named, info=replace(named.info, name=name)))
    return distinct


def distinct_name(name: str, used: set[str]) -> str:
    """The name with the first number behind it that makes it new."""
    number = 2
    while f"{name}_{number}" in used:
        number += 1
    return f"{name}_{number}"
