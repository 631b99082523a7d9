"""Pictures inside a page."""

from __future__ import annotations

import base64
import io

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
