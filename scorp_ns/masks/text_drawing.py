"""Text in pictures: names of any script, cut off where there is no room."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from PIL import ImageDraw, ImageFont

from scorp_ns.masks.check import printable

FONT_SIZE = 14

Color = tuple[int, int, int]


def write_text(draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, color: Color, room: int) -> None:
    """Draw one line of text; an ellipsis ends it where it would be longer than `room` pixels."""
    text = _drawable(text)
    if text_length(text) > room:
        while text and text_length(text + "...") > room:
            text = text[:-1]
        text += "..."
    draw.text(place, text, fill=color, font=_font())


def text_length(text: str) -> int:
    """The width of the text in pixels."""
    return int(_font().getlength(_drawable(text)))


def _drawable(text: str) -> str:
    """The text on one line, in letters that the font has."""
    text = printable(text)
    if isinstance(_font(), ImageFont.FreeTypeFont):
        return text
    return text.encode("latin-1", "replace").decode("latin-1")


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font with as many scripts as can be had: the system's, matplotlib's, or Pillow's own with English only."""
    for name in ("NotoSansCJK-Regular.ttc", "Arial Unicode.ttf", "DejaVuSans.ttf", *_fonts_of_matplotlib()):
        try:
            return ImageFont.truetype(name, FONT_SIZE)
        except (OSError, ImportError):  # It is not there, or Pillow was built without FreeType.
            continue
    return ImageFont.load_default(FONT_SIZE)


def _fonts_of_matplotlib() -> list[str]:
    """The font that comes with matplotlib, which takes too long to import for this."""
    found = importlib.util.find_spec("matplotlib")
    if found is None or found.origin is None:
        return []
    return [str(Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf")]
