"""What a report of a bench is made of, as one tree from which it is checked and described.

Within a format, keys may be added; a key that goes, or changes its meaning, makes a new one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from scorp_ns.errors import ScorpError
from scorp_ns.wording import json_kind

Number = int | float
"""What JSON has for numbers."""

FORMAT = 1
"""The version of the schema."""

SETS = ("back", "context", "in_arc", "training")
"""What is scored besides the objects alone on the withheld views, which stand in the split itself."""

STAGES = ("before", "after")
"""Before refinement, and the composite after it, from the same trained scene."""

PICTURES = ("truth", "before", "after", "error", "error_after")
"""The pictures that a view may have."""


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


def _scores(what: str) -> dict[str, Node]:
    return {stage: Each("<metric>", Leaf("number", f"{what}, {stage} refinement")) for stage in STAGES}


def _sets(of: str) -> dict[str, Node]:
    alone = _scores(f"{of} alone on the withheld views")
    return alone | {name: Group(_scores(f"the same by the definition of `{name}`")) for name in SETS}


_OBJECT = Group(
    {
        **_sets("the object"),
        "lift": Group(
            {
                "gaussians": Leaf("number", "Gaussians that were lifted"),
                "mask_iou": Leaf("number", "IoU of the lifted object's silhouettes with its masks"),
            }
        ),
        "proxy": Group(
            {
                "seconds": Leaf("number", "time that it took to make the proxy"),
                "evidence": Each("<fact>", Leaf("number", "what speaks for the proxy, as its generator says")),
            }
        ),
        "composite": Group(
            {
                "kept": Leaf("number", "lifted Gaussians that stay"),
                "dropped": Leaf("number", "lifted Gaussians that go"),
                "filled": Leaf("number", "Gaussians that the proxy adds"),
                "seen": Leaf("number", "share of the proxy's surface that photographs see"),
                "denied": Leaf("number", "share of the proxy's surface that photographs deny"),
                "filled_share": Leaf("number", "share of the proxy's surface that is added"),
            }
        ),
        "geometry": Group(_scores("distances to the true surface")),
        "pose": Group(
            {
                "rotation_deg": Leaf("number", "rotation error, modulo declared symmetries"),
                "scale_pct": Leaf("number", "scale error in %"),
                "translation_pct": Leaf("number", "translation error in % of the object's diagonal"),
            }
        ),
        "failed": Leaf("text", "why the object has no result, or none from some seeds"),
    }
)

_STAGES = Each(
    "<stage>",
    Group(
        {
            "seconds": Leaf("number", "time that the stage took: the mean, over seeds or splits"),
            "peak_mb": Leaf("number", "most memory that was in use: the highest, over seeds or splits"),
            "peak_gpu_mb": Leaf("number", "the same of a GPU's memory, where one computed"),
        }
    ),
)

NUMBERS: dict[str, Node] = {**_sets("the target objects"), "objects": Each("<object>", _OBJECT), "stages": _STAGES}
"""The parts of a split that are measured."""

_SPLIT = Group(
    {
        "missing": Leaf("number", "the share of the circle that is withheld"),
        "rule": Leaf("text", "how the views were chosen"),
        "views": Each("<set>", Leaf("whole", "how many views serve `training`, `in_arc`, `withheld`, `back`")),
        **NUMBERS,
        "spread": Group({key: node for key, node in NUMBERS.items() if key != "stages"}),
        "pictures": Rows(
            Group(
                {
                    "view": Leaf("text", "the photograph's name in the capture"),
                    "set": Leaf("text", "which views it is one of"),
                    **{name: Leaf("path", "picture, relative to the report's folder") for name in PICTURES},
                },
                needed=("view", "set"),
            )
        ),
    },
    needed=("missing",),
)

SCHEMA = Group(
    {
        "format": Leaf("whole", "version of this schema"),
        "name": Leaf("text", "what the run is called where runs are compared"),
        "scorp": Leaf("text", "version of scorp"),
        "date": Leaf("text", "day of the measurement"),
        "capture": Leaf("text", "name of the capture"),
        "method": Leaf("text", "name of the method that trained"),
        "generator": Leaf("text", "what made the proxies"),
        "mode": Leaf("text", "how proxies were used: `blend`, `replace` or `keep`"),
        "iterations": Leaf("whole", "length of each training run"),
        "seeds": Rows(Leaf("whole", "seeds of the runs that figures are means over")),
        "machine": Each("<fact>", Leaf("any", "what was measured on")),
        "definitions": Each("<name>", Leaf("text", "what a part of the report means")),
        "absent": Each("<metric>", Leaf("text", "why the metric could not be measured")),
        "splits": Each("<missing>", _SPLIT),
        "average": Group(NUMBERS),
        "stages": _STAGES,
    },
    needed=("format", "scorp", "date", "capture", "method", "seeds", "splits"),
)
"""The whole report."""


def check_report(report: Any, only_known_keys: bool = True) -> None:
    """Raise an error that names the first place where the report is not as the schema says."""
    _check(report, SCHEMA, "report", only_known_keys)
    if report["format"] != FORMAT:
        raise _wrong(f"report.format is {report['format']}", f"This version of scorp knows format {FORMAT}.")
    if not report["splits"]:
        raise _wrong("report.splits is empty", "A report has at least one split.")


def schema_rows() -> list[tuple[str, str, str]]:
    """Path, kind and meaning of every value, for the documentation."""
    return list(_rows(SCHEMA, ""))


def _rows(node: Node, path: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(node, Leaf):
        yield path, node.kind, node.meaning
    elif isinstance(node, Rows):
        yield from _rows(node.of, f"{path}[]")
    else:
        fields = node.fields if isinstance(node, Group) else {node.placeholder: node.of}
        for key, below in fields.items():
            yield from _rows(below, f"{path}.{key}" if path else key)


def _check(value: Any, node: Node, path: str, only_known_keys: bool) -> None:
    if isinstance(node, Leaf):
        if not _is_kind(value, node.kind):
            raise _wrong(f"{path} is {_described(value)}", f"It has to be {_KIND_NAMES[node.kind]}: {node.meaning}.")
    elif isinstance(node, Rows):
        if not isinstance(value, list):
            raise _wrong(f"{path} is {_described(value)}", "It has to be a list.")
        for index, item in enumerate(value):
            _check(item, node.of, f"{path}[{index}]", only_known_keys)
    else:
        for key, below in _fields(value, node, path, only_known_keys):
            _check(value[key], below, f"{path}.{key}", only_known_keys)


def _fields(value: Any, node: Group | Each, path: str, only_known_keys: bool) -> Iterator[tuple[str, Node]]:
    """The keys that are there, with what each has to be."""
    if not isinstance(value, dict):
        raise _wrong(f"{path} is {_described(value)}", "It has to be an object.")
    if any(not isinstance(key, str) for key in value):
        raise _wrong(f"{path} has a key that is no text", "Keys are names.")
    if isinstance(node, Each):
        yield from ((key, node.of) for key in value)
        return
    absent = [key for key in node.needed if key not in value]
    if absent:
        raise _wrong(f"{path} has no '{absent[0]}'", "It may not be absent.")
    for key in value:
        if key in node.fields:
            yield key, node.fields[key]
        elif only_known_keys:
            raise _wrong(f"{path}.{key} is unknown", f"There can be {', '.join(node.fields)}.")


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


def _wrong(found: str, needed: str) -> ScorpError:
    return ScorpError(f"The report is wrong: {found}.", needed, "Correct it, or run the bench again.")
