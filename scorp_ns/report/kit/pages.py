"""Pages from templates: one file each, which opens from disk, loads nothing and escapes whatever it is given."""

from __future__ import annotations

import base64
import hashlib
import io
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

QUALITY = 85
"""Of the embedded JPEG pictures."""

_TEMPLATES = files("scorp_ns.report") / "templates"
_SCRIPT = (_TEMPLATES / "script.js").read_text(encoding="utf-8")
_DIGEST = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()

_ENVIRONMENT = Environment(
    loader=PackageLoader("scorp_ns.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters["px"] = "{:.1f}".format
_ENVIRONMENT.globals |= {
    "policy": Markup(
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{_DIGEST}'"
    ),
    "script": Markup(_SCRIPT),
    "style": Markup((_TEMPLATES / "style.css").read_text(encoding="utf-8")),
}  # fmt: skip


def render_page(template: str, **facts: Any) -> str:
    """The page that a template makes of these facts."""
    return _ENVIRONMENT.get_template(template).render(facts)


def embedded(picture: Image.Image, longer_side: int) -> str:
    """The picture, made smaller if need be, as the address of itself."""
    small = picture.convert("RGB")
    small.thumbnail((longer_side, longer_side))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
