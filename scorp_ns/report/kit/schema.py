"""Schemas of JSON documents, as trees from which documents are checked and described."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from scorp_ns.errors import ScorpError
from scorp_ns.messages import json_kind

Number = int | float
"""What JSON has for numbers."""


@dataclass(frozen=True)
class Leaf:
    """A single value."""

    kind: str
    """`number` (or null), `whole`, `text`, `path` or `any`."""
    meaning: str


@dataclass(frozen=True)
class Group:
    """A JSON object with keys of its own."""

    fields: Mapping[str, Node]
    needed: tuple[str, ...] = ()
    """Keys that may not be absent."""


@dataclass(frozen=True)
class Each:
    """A JSON object with one entry for each of something, under its name."""

    placeholder: str
    of: Node


@dataclass(frozen=True)
class Rows:
    """A JSON list."""

    of: Node


Node = Leaf | Group | Each | Rows


def rows_of(node: Node, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Path, kind and meaning of every value, for the documentation."""
    if isinstance(node, Leaf):
        yield path, node.kind, node.meaning
    elif isinstance(node, Rows):
        yield from rows_of(node.of, f"{path}[]")
    else:
        fields = node.fields if isinstance(node, Group) else {node.placeholder: node.of}
        for key, below in fields.items():
            yield from rows_of(below, f"{path}.{key}" if path else key)


def check_node(value: Any, node: Node, path: str, only_known_keys: bool) -> None:
    """Raise an error that names the first place where the value is not as the node says."""
    if isinstance(node, Leaf):
        if not _is_kind(value, node.kind):
            raise wrong(f"{path} is {_described(value)}", f"It has to be {_KIND_NAMES[node.kind]}: {node.meaning}.")
    elif isinstance(node, Rows):
        if not isinstance(value, list):
            raise wrong(f"{path} is {_described(value)}", "It has to be a list.")
        for index, item in enumerate(value):
            check_node(item, node.of, f"{path}[{index}]", only_known_keys)
    else:
        for key, below in _fields(value, node, path, only_known_keys):
            check_node(value[key], below, f"{path}.{key}", only_known_keys)


def _fields(value: Any, node: Group | Each, path: str, only_known_keys: bool) -> Iterator[tuple[str, Node]]:
    """The keys that are there, with what each has to be."""
    if not isinstance(value, dict):
        raise wrong(f"{path} is {_described(value)}", "It has to be an object.")
    if any(not isinstance(key, str) for key in value):
        raise wrong(f"{path} has a key that is no text", "Keys are names.")
    if isinstance(node, Each):
        yield from ((key, node.of) for key in value)
        return
    absent = [key for key in node.needed if key not in value]
    if absent:
        raise wrong(f"{path} has no '{absent[0]}'", "It may not be absent.")
    for key in value:
        if key in node.fields:
            yield key, node.fields[key]
        elif only_known_keys:
            raise wrong(f"{path}.{key} is unknown", f"There can be {', '.join(node.fields)}.")


_KIND_NAMES = {
    "number": "a number or null",
    "whole": "a whole number",
    "text": "a string",
    "path": "a path with forward slashes that stays in the report's folder",
    "any": "a string, a number, a truth value or null",
}


def _is_kind(value: Any, kind: str) -> bool:
    if kind in ("number", "whole"):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole or (kind == "number" and (value is None or isinstance(value, float)))
    if kind == "path":
        return isinstance(value, str) and _stays_inside(value)
    return isinstance(value, str) or (kind == "any" and isinstance(value, (int, float, type(None))))


def _stays_inside(text: str) -> bool:
    path = PurePosixPath(text)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and not {"\\", ":"} & set(text)


def _described(value: Any) -> str:
    """The value itself where it is short."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return f"{json_kind(value)} ({value!r:.60})" if isinstance(value, (str, int, float)) else json_kind(value)


def wrong(found: str, needed: str) -> ScorpError:
    """The error for a document that is not as its schema says."""
    return ScorpError(f"The report is wrong: {found}.", needed, "Correct it, or have it written again.")
