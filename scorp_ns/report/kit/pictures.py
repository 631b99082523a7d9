"""Pictures inside a page: embedded, and laid side by side."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

QUALITY = 85
"""Of the embedded JPEG pictures."""


@dataclass(frozen=True)
class Embedded:
    """One picture of a figure, or what stands in the place of one that there is not."""

    name: str
    """Its class in the page's style."""
    caption: str
    said: str
    """What it shows, for those who do not see it; without a source, why there is none."""
    source: str | None
    """Its address: the picture itself."""


@dataclass(frozen=True)
class Figure:
    """Pictures in a row under their title, which are swapped in place for each other where one is shown large."""

    title: str
    pictures: Sequence[Embedded]
    is_small: bool = False


def embedded(picture: Image.Image, longer_side: int) -> str:
    """The picture, made smaller if need be, as the address of itself."""
    small = picture.convert("RGB")
    small.thumbnail((longer_side, longer_side))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
