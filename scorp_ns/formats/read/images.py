"""Pictures of assets, decoded within limits."""

from __future__ import annotations

import io
import warnings

import numpy as np

from scorp_ns.formats.read.limits import KEPT_IMAGE_SIDE, MOST_IMAGE_PIXELS
from scorp_ns.formats.read.parts import Texture
from scorp_ns.formats.read.source import AssetSource

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TGA", "TIFF")
"""Formats of textures; Pillow knows many more, some of which start other programs."""


def decode_image(content: bytes, source: AssetSource, what: str) -> Texture:
    """A picture, reduced to the size that is kept; its size is checked before it is decoded."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # The size is checked below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=FORMATS)
        pixels = image.width * image.height
        if pixels <= MOST_IMAGE_PIXELS:
            source.count_pixels(pixels)
            image.draft("RGB", (KEPT_IMAGE_SIDE, KEPT_IMAGE_SIDE))
            reduced = max(1, -(-max(image.size) // KEPT_IMAGE_SIDE))
            return np.asarray(image.convert("RGB").reduce(reduced))
    except Image.DecompressionBombError:
        pixels = MOST_IMAGE_PIXELS + 1
    # Pillow's decoders raise many kinds of errors for broken pictures.
    except (OSError, ValueError, SyntaxError, TypeError, EOFError, OverflowError, IndexError, KeyError) as error:
        raise source.fault(
            f"has a picture, {what}, that cannot be decoded ({_reason(error)})",
            "Textures as PNG, JPEG or WebP are needed.",
            "Export it again with such textures, or without any.",
        ) from error
    raise source.fault(
        f"has a picture, {what}, of more than {MOST_IMAGE_PIXELS / 1e6:.0f} million pixels",
        "Pictures of a reasonable size are needed.",
        "Make its textures smaller; 2048 x 2048 pixels are enough.",
    )


def _reason(error: Exception) -> str:
    """The fault of a picture, in Pillow's words where they are for people."""
    from PIL import UnidentifiedImageError

    return "it is none that is known" if isinstance(error, UnidentifiedImageError) else str(error) or "it is broken"
