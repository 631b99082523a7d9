"""Pictures inside a page: embedded, laid side by side, each a button that shows it large."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

from PIL import Image

QUALITY = 85
"""Of the embedded JPEG pictures."""


def embedded(picture: Image.Image, longer_side: int) -> str:
    """The picture, made smaller if need be, as the address of itself."""
    small = picture.convert("RGB")
    small.thumbnail((longer_side, longer_side))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def picture_html(source: str, name: str, caption: str, described: str) -> str:
    """One picture of a row; `name` is its class, `described` says what it shows to those who do not see it."""
    return (
        f'<button class="picture" type="button" data-name="{escape(caption)}">'
        f'<img src="{source}" alt="{escape(described)}">{_label(name, caption)}</button>'
    )


def absent_html(reason: str, name: str, caption: str) -> str:
    """What stands in the place of a picture that there is not."""
    return f'<div class="picture"><div class="absent">{escape(reason)}</div>{_label(name, caption)}</div>'


def figure_html(title: str, pictures: Sequence[str], is_small: bool = False) -> str:
    """A row of pictures under its title, which are swapped in place for each other where one is shown large."""
    classes = "pictures small" if is_small else "pictures"
    return (
        f'<figure class="view"><figcaption>{escape(title)}</figcaption>'
        f'<div class="{classes}" style="--columns:{max(1, len(pictures))}">{"".join(pictures)}</div></figure>'
    )


def _label(name: str, caption: str) -> str:
    return f'<span class="name {escape(name)}">{escape(caption)}</span>'
