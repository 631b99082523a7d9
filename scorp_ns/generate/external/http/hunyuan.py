"""The protocol of Hunyuan3D's own `api_server.py`: send one picture, fetch a GLB."""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image

from scorp_ns.errors import GenerationError
from scorp_ns.generate.external.http.transport import SHOWN_CHARACTERS, Transport
from scorp_ns.generate.external.job_result import read_result
from scorp_ns.messages import one_line
from scorp_ns.products import ObjectView, ProxyAsset, ProxyRequest

UID_NEEDED = 'An object with the task\'s "uid" is needed.'
STATUS_NEEDED = 'An object with a "status" is needed, and with "model_base64" once that is "completed".'
GLB_NEEDED = "A GLB file is needed."

LICENSE = "Tencent Hunyuan licence: not for the EU, the UK and South Korea"
UP = (0.0, 1.0, 0.0)
"""The up direction of its GLB files."""

GLB_HEADER_BYTES = 12


@dataclass(frozen=True)
class HunyuanOptions:
    """The options of a request to such a server, beside the picture."""

    synchronous: bool = False
    """Ask with one long request instead of many short ones."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Sent along as they are."""


def generate_hunyuan(transport: Transport, request: ProxyRequest, options: HunyuanOptions) -> ProxyAsset:
    """The reply of a server of Hunyuan3D 2.0 or 2.1."""
    if not request.views:
        raise GenerationError(
            f"No photograph shows '{request.name}' well enough.",
            "Hunyuan3D needs a picture of the object.",
            "Use another generator for it, with --pipeline.model.generator.per-object.",
        )
    picture = base64.b64encode(_picture(request.views[0])).decode()
    asked = {"image": picture, "seed": request.seed, "type": "glb", "texture": True, "remove_background": False}
    body = json.dumps({**asked, **options.parameters}).encode()
    content = _generate_at_once(transport, body) if options.synchronous else _generate_later(transport, body)
    with TemporaryDirectory(prefix="scorp-", ignore_cleanup_errors=True) as folder:
        (Path(folder) / "result.glb").write_bytes(content)
        asset = read_result(Path(folder), request.name, made_by="Hunyuan3D")
    return replace(asset, up=UP, license=LICENSE)


def _generate_at_once(transport: Transport, body: bytes) -> bytes:
    """The file that the server sends when it is done."""
    transport.work.report(None, "waiting for the server")
    content = transport.call(
        *("POST", "/generate", body, "application/json"),
        silence_s=transport.limits.time_limit_s,
        most_bytes=transport.limits.most_bytes,
    ).body
    if not _is_whole(content):
        raise transport.nonsense(f"a result that is no GLB ({len(content)} bytes)", GLB_NEEDED)
    return content


def _generate_later(transport: Transport, body: bytes) -> bytes:
    """The file that the server has when it is asked often enough."""
    sent = transport.json(transport.call("POST", "/send", body, "application/json"), UID_NEEDED)
    uid = sent.get("uid")
    if not isinstance(uid, str) or not 0 < len(uid) <= SHOWN_CHARACTERS:
        raise transport.nonsense(f"the uid {str(uid)[:SHOWN_CHARACTERS]!r}", UID_NEEDED)
    path = f"/status/{quote(uid.encode('utf-8', 'replace'), safe='')}"
    # Four characters stand for three bytes, and 2.1 sends the object twice, with and without its texture.
    most_bytes = 3 * transport.limits.most_bytes
    while True:
        state = transport.json(transport.call("GET", path, most_bytes=most_bytes), STATUS_NEEDED)
        status = state.get("status")
        if not isinstance(status, str):
            raise transport.nonsense("no status", STATUS_NEEDED)
        if status in ("error", "failed"):
            said = str(state.get("message", "it does not say why"))[:SHOWN_CHARACTERS]
            raise transport.nonsense(f"a failure: {said!r}", "A task that ends with a result is needed.")
        if status == "completed":
            content = _decoded(transport, state.get("model_base64"))
            # The server looks whether its file exists, not whether it is written to the end.
            if _is_whole(content) or not content.startswith(b"glTF"):
                return content
        transport.work.report(None, one_line(status, SHOWN_CHARACTERS) or "working")
        transport.wait(transport.limits.poll_s)


def _decoded(transport: Transport, encoded: Any) -> bytes:
    """The bytes of a file that was sent as text."""
    try:
        content = base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else None
    except (binascii.Error, ValueError):
        content = None
    if content is None:
        raise transport.nonsense("a model that is not in base64", STATUS_NEEDED)
    if len(content) > transport.limits.most_bytes:
        raise transport.nonsense(f"a model of {len(content)} bytes", f"{transport.limits.most_bytes} bytes are taken.")
    return content


def _is_whole(content: bytes) -> bool:
    """True if it is a GLB file of the length in its header."""
    is_glb = content.startswith(b"glTF") and len(content) > GLB_HEADER_BYTES
    return is_glb and int.from_bytes(content[8:GLB_HEADER_BYTES], "little") <= len(content)


def _picture(view: ObjectView) -> bytes:
    """The crop as a PNG, white around the object for servers that look at colours only."""
    rgba = np.where(view.rgba[..., 3:] == 0, np.array([255, 255, 255, 0], np.uint8), view.rgba)
    buffer = io.BytesIO()
    Image.fromarray(rgba).save(buffer, "PNG")
    return buffer.getvalue()
