"""Typed facts: dataclasses whose fields say what they mean, and what derives from them: JSON, checks, documentation.

A document is a dataclass whose fields are `Annotated[Whole, "what it counts"] = None`, dataclasses, sequences, or
mappings from a name. Fields with a default may be absent: their None is left out, that of other fields is null.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, reduce
from operator import or_
from pathlib import PurePosixPath
from types import NoneType
from typing import Annotated, Any, NewType, get_args, get_origin, get_type_hints

from scorp_ns.errors import ScorpError
from scorp_ns.messages import json_kind

Number = int | float
"""Numbers of JSON; an unknown one is null."""

Value = str | int | float | bool | None
"""Any single value."""

InsidePath = NewType("InsidePath", str)
"""A path below the document's folder."""

Whole = int | None
Real = Number | None
Text = str | None
Texts = Sequence[str] | None
Matrix = Sequence[Sequence[Real]] | None
Facts = Mapping[Annotated[str, "<fact>"], Value] | None
"""Types of fields that may be absent; the key of a mapping is annotated with its place holder in the documentation."""

NUMBER = ("number", "a number or null", lambda value: value is None or isinstance(value, float) or _is_whole(value))

KINDS: dict[Any, tuple[str, str, Callable[[Any], bool]]] = {
    Number: NUMBER,
    float: NUMBER,
    int: ("whole", "a whole number", lambda value: _is_whole(value)),
    bool: ("truth", "true or false", lambda value: isinstance(value, bool)),
    str: ("text", "a string", lambda value: isinstance(value, str)),
    InsidePath: (
        "path", "a path with forward slashes that stays in the report's folder", lambda value: _stays_inside(value)
    ),
    Value: (
        "any", "a string, a number, a truth value or null", lambda value: isinstance(value, (str, int, float, NoneType))
    ),
}  # fmt: skip
"""The types of single values: their names in the documentation and in errors, and which values they have."""


@cache
def hints_of(facts: Any) -> dict[str, Any]:
    """The types of the fields with their annotations, in order."""
    return get_type_hints(facts, include_extras=True)


def rows_of(kind: Any, path: str = "", meaning: str = "") -> Iterator[tuple[str, str, str]]:
    """Path, kind and meaning of every value of a type, for the documentation; values in a field share its meaning."""
    bare, meaning = _bare(kind, meaning)
    if dataclasses.is_dataclass(bare):
        for name, below in hints_of(bare).items():
            yield from rows_of(below, f"{path}.{name}" if path else name)
    elif get_origin(bare) is Mapping:
        key, below = get_args(bare)
        yield from rows_of(below, f"{path}.{key.__metadata__[0]}", meaning)
    elif get_origin(bare) is Sequence:
        yield from rows_of(get_args(bare)[0], f"{path}[]", meaning)
    elif bare in KINDS and meaning:
        yield path, KINDS[bare][0], meaning
    else:
        known = ", ".join(dict.fromkeys(name for name, *_ in KINDS.values()))
        raise ScorpError(
            f"The fact '{path}' is declared as {kind}.",
            f"Facts are {known}, annotated with what they mean.",
            "Correct the declaration.",
        )


def checked(value: Any, kind: Any, path: str, only_known_keys: bool = True, meaning: str = "") -> Any:
    """The JSON value as the type, or an error that names the first place where it is not as the type says."""
    bare, meaning = _bare(kind, meaning)
    if dataclasses.is_dataclass(bare):
        return bare(**_checked_fields(value, bare, path, only_known_keys))  # type: ignore[operator]
    if get_origin(bare) is Mapping:
        items, of = _checked_keys(value, path), get_args(bare)[1]
        return {key: checked(item, of, f"{path}.{key}", only_known_keys, meaning) for key, item in items.items()}
    if get_origin(bare) is Sequence:
        if not isinstance(value, list):
            raise wrong(f"{path} is {_described(value)}", "It has to be a list.")
        items, of = enumerate(value), get_args(bare)[0]
        return [checked(item, of, f"{path}[{index}]", only_known_keys, meaning) for index, item in items]
    _, said, has = KINDS[bare]
    if not has(value):
        raise wrong(f"{path} is {_described(value)}", f"It has to be {said}: {meaning}.")
    return value


def plain_json(value: Any) -> Any:
    """The value as JSON has it: facts as objects, numpy's numbers as Python's, those that are not finite as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = ((field, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {field.name: plain_json(one) for field, one in fields if one is not None or _is_needed(field)}
    if isinstance(value, Mapping):
        return {key: plain_json(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_json(entry) for entry in value]
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else None
    return value


def wrong(found: str, needed: str) -> ScorpError:
    """The error for a document that is not as its type says."""
    return ScorpError(f"The report is wrong: {found}.", needed, "Correct it, or have it written again.")


def _bare(kind: Any, meaning: str) -> tuple[Any, str]:
    """The type without annotations and without the None of what may be absent, and its own meaning if it has one."""
    if get_origin(kind) is Annotated:
        kind, *annotations = get_args(kind)
        meaning = next((one for one in annotations if isinstance(one, str)), meaning)
    if kind not in KINDS and NoneType in get_args(kind):
        kind = reduce(or_, (one for one in get_args(kind) if one is not NoneType))
    return _bare(kind, meaning) if get_origin(kind) is Annotated else (kind, meaning)


def _checked_fields(value: Any, facts: type, path: str, only_known_keys: bool) -> dict[str, Any]:
    hints, items = hints_of(facts), _checked_keys(value, path)
    for field in dataclasses.fields(facts):
        if _is_needed(field) and field.name not in items:
            raise wrong(f"{path} has no '{field.name}'", "It may not be absent.")
    unknown = [key for key in items if key not in hints]
    if unknown and only_known_keys:
        raise wrong(f"{path}.{unknown[0]} is unknown", f"There can be {', '.join(hints)}.")
    known = ((key, item) for key, item in items.items() if key in hints)
    return {key: checked(item, hints[key], f"{path}.{key}", only_known_keys) for key, item in known}


def _checked_keys(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong(f"{path} is {_described(value)}", "It has to be an object.")
    if any(not isinstance(key, str) for key in value):
        raise wrong(f"{path} has a key that is no text", "Keys are names.")
    return value


def _is_needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _stays_inside(value: Any) -> bool:
    path = PurePosixPath(value) if isinstance(value, str) else PurePosixPath()
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and not {"\\", ":"} & set(value)


def _described(value: Any) -> str:
    """The value itself where it is short."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return f"{json_kind(value)} ({value!r:.60})" if isinstance(value, (str, int, float)) else json_kind(value)
