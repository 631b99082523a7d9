"""The pictures of a report, embedded and laid side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from PIL import Image

from scorp_ns.report.kit.pictures import absent_html, embedded, figure_html, picture_html
from scorp_ns.report.of_bench.facts import PICTURES
from scorp_ns.report.of_bench.tables import ordered_splits, split_label

LONGER_SIDE = 720
"""Larger pictures are made smaller, in pixels."""


def pictures_html(report: Mapping[str, Any], folder: Path) -> str:
    """All views with pictures, by split and set of views; nothing if there are none."""
    return "".join(
        f"<details open><summary><h3>{escape(split_label(name))} missing</h3></summary>"
        f"{''.join(_sets(split['pictures'], folder))}</details>"
        for name, split in ordered_splits(report)
        if split.get("pictures")
    )


def _sets(rows: Sequence[Mapping[str, str]], folder: Path) -> Iterator[str]:
    order = {name: place for place, name in enumerate(dict.fromkeys(row["set"] for row in rows))}
    for name, same in groupby(sorted(rows, key=lambda row: order[row["set"]]), key=lambda row: row["set"]):
        yield f"<h4>{escape(name.replace('_', ' '))}</h4>"
        yield from (_view(row, folder) for row in same)


def _view(row: Mapping[str, str], folder: Path) -> str:
    """One view: its pictures in a row."""
    names = [name for name in PICTURES if row.get(name)]
    return figure_html(row["view"], [_picture(row, name, _caption(name, names), folder) for name in names])


def _caption(name: str, names: Sequence[str]) -> str:
    return "error before" if name == "error" and "error_after" in names else name.replace("_", " ")


def _picture(row: Mapping[str, str], name: str, caption: str, folder: Path) -> str:
    source = embedded_file(folder / row[name])
    if source is None:
        return absent_html(f"{row[name]} is not there", name, caption)
    return picture_html(source, name, caption, f"{caption}, {row['view']}, {row['set']}".replace("_", " "))


def embedded_file(path: Path) -> str | None:
    """The picture as the address of itself; None where there is no picture that can be read."""
    try:
        with Image.open(path) as picture:
            return embedded(picture, LONGER_SIDE)
    except (OSError, ValueError):
        return None
