"""The pictures of a report, embedded and laid side by side."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from PIL import Image

from scorp_ns.evaluate.report_schema import PICTURES
from scorp_ns.evaluate.report_tables import ordered_splits, split_label

LONGER_SIDE = 720
"""Larger pictures are made smaller, in pixels."""

QUALITY = 85
"""Of the embedded JPEG pictures."""


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
    """One view: its pictures in a row, each a button that shows it large."""
    names = [name for name in PICTURES if row.get(name)]
    pictures = "".join(_picture(row, name, _caption(name, names), folder) for name in names)
    return (
        f'<figure class="view"><figcaption>{escape(row["view"])}</figcaption>'
        f'<div class="pictures" style="--columns:{max(1, len(names))}">{pictures}</div></figure>'
    )


def _caption(name: str, names: Sequence[str]) -> str:
    return "error before" if name == "error" and "error_after" in names else name.replace("_", " ")


def _picture(row: Mapping[str, str], name: str, caption: str, folder: Path) -> str:
    source = embedded(folder / row[name])
    label = f'<span class="name {escape(name)}">{escape(caption)}</span>'
    if source is None:
        return f'<div class="picture"><div class="absent">{escape(row[name])} is not there</div>{label}</div>'
    described = escape(f"{caption}, {row['view']}, {row['set']}".replace("_", " "))
    return (
        f'<button class="picture" type="button" data-name="{escape(caption)}">'
        f'<img src="{source}" alt="{described}">{label}</button>'
    )


def embedded(path: Path) -> str | None:
    """The picture as the address of itself; None where there is no picture that can be read."""
    try:
        with Image.open(path) as picture:
            small = picture.convert("RGB")
    except (OSError, ValueError):
        return None
    small.thumbnail((LONGER_SIDE, LONGER_SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
