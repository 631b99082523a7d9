"""The description and the buffers of a glTF file, binary or text."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from dataclasses import dataclass, field
from typing import Any

from scorp_ns.errors import GenerationError
from scorp_ns.formats.read.limits import MOST_JSON_ITEMS
from scorp_ns.formats.read.source import EXPORT_AGAIN, AssetSource
from scorp_ns.messages import json_kind

MAGIC = b"glTF"
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
DATA_URI = "data:"


@dataclass
class Gltf:
    """A glTF asset with checked look-ups."""

    source: AssetSource
    description: dict[str, Any]
    binary: memoryview | None
    """The binary chunk of a .glb."""
    _buffers: dict[int, memoryview] = field(default_factory=dict)

    def fault(self, found: str) -> GenerationError:
        """An error for a file that breaks the rules of its format."""
        return self.source.fault(found, "A well-formed glTF 2.0 file is needed.", EXPORT_AGAIN)

    def items(self, kind: str) -> list[Any]:
        """All entries of a kind, such as 'meshes'."""
        found = self.description.get(kind, [])
        if not isinstance(found, list):
            raise self.fault(f"has {json_kind(found)} under '{kind}' instead of a list")
        return found

    def item(self, kind: str, index: Any) -> dict[str, Any]:
        """The entry of a kind that something refers to."""
        found = self.items(kind)
        if not is_whole(index) or not 0 <= index < len(found):
            raise self.fault(f"refers to number {str(index)[:20]} of its {len(found)} {kind}")
        if not isinstance(found[index], dict):
            raise self.fault(f"has {json_kind(found[index])} as number {index} of its {kind} instead of an object")
        return found[index]

    def view(self, index: Any) -> tuple[memoryview, int]:
        """The bytes of a buffer view, and its stride; 0 if elements are tightly packed."""
        view = self.item("bufferViews", index)
        if "EXT_meshopt_compression" in (view.get("extensions") or {}):
            raise self.compressed("EXT_meshopt_compression")
        buffer = self._buffer(view.get("buffer"))
        offset, length, stride = (self.whole(view, key, default) for key, default in VIEW_KEYS)
        if offset + length > len(buffer):
            raise self.fault(
                f"has a buffer view of bytes {offset} to {offset + length} in a buffer of {len(buffer)} bytes"
            )
        return buffer[offset : offset + length], stride

    def whole(self, entry: dict[str, Any], key: str, default: int | None = None) -> int:
        """A whole number of at least 0."""
        number = entry.get(key, default)
        if not is_whole(number) or number < 0:
            raise self.fault(f"has {str(number)[:20]} as '{key}' instead of a whole number")
        return number

    def compressed(self, extension: str) -> GenerationError:
        """The error for a file that is compressed in a way that is not understood."""
        return self.source.fault(
            f"is compressed with {extension}",
            "Plain glTF is needed.",
            "Export it without compression, for instance with `gltf-transform copy`.",
        )

    def file(self, uri: Any) -> bytes:
        """The bytes behind a URI: a data URI, or a file beside the asset."""
        if not isinstance(uri, str):
            raise self.fault(f"has {json_kind(uri)} as a URI instead of a string")
        if not uri.startswith(DATA_URI):
            return self.source.read_beside(uri)
        _, _, content = uri.partition(",")
        try:
            return base64.b64decode(content, validate=True)
        except (binascii.Error, ValueError) as error:
            raise self.fault(f"has a data URI that is not base64 ({error})") from error

    def _buffer(self, index: Any) -> memoryview:
        entry = self.item("buffers", index)
        if index not in self._buffers:
            if "uri" in entry:
                self._buffers[index] = memoryview(self.file(entry["uri"]))
            elif self.binary is not None and index == 0:
                self._buffers[index] = self.binary
            else:
                raise self.fault(f"has no bytes for number {index} of its buffers")
        return self._buffers[index]


VIEW_KEYS = (("byteOffset", 0), ("byteLength", None), ("byteStride", 0))


def is_whole(number: Any) -> bool:
    """True if a value from a JSON file is a whole number."""
    return isinstance(number, int) and not isinstance(number, bool)


def open_gltf(content: bytes, source: AssetSource) -> Gltf:
    """The asset in the bytes of a .glb or .gltf file."""
    text, binary = _split(content, source) if content.startswith(MAGIC) else (content, None)
    text = bytes(text)
    num_items = sum(text.count(mark) for mark in (b",", b"[", b"{"))
    if num_items > MOST_JSON_ITEMS:
        raise source.fault(
            f"has a description of {num_items} items",
            f"Up to {MOST_JSON_ITEMS} are read.",
            "Export it again as .glb, with fewer nodes.",
        )
    try:
        description = json.loads(text)
    except (ValueError, RecursionError) as error:
        why = "is nested too deeply" if isinstance(error, RecursionError) else f"is not JSON ({str(error)[:80]})"
        raise source.fault(f"has a description that {why}", "A well-formed glTF 2.0 file is needed.") from error
    if not isinstance(description, dict):
        raise source.fault(
            f"has {json_kind(description)} as its description instead of an object",
            "A well-formed glTF 2.0 file is needed.",
        )
    return Gltf(source, description, binary)


def _split(content: bytes, source: AssetSource) -> tuple[memoryview, memoryview | None]:
    """The JSON and the binary chunk of a .glb."""
    fault = source.fault("is a broken .glb: its chunks do not fit into the file", "A complete .glb file is needed.")
    if len(content) < 20:
        raise fault
    _, version, length = struct.unpack_from("<4sII", content)
    if version != 2:
        raise source.fault(f"is glTF of version {version}", "Version 2 is needed.")
    chunks: dict[int, memoryview] = {}
    position, whole = 12, memoryview(content)
    while position + 8 <= min(length, len(content)):
        size, kind = struct.unpack_from("<II", content, position)
        if position + 8 + size > len(content):
            raise fault
        chunks.setdefault(kind, whole[position + 8 : position + 8 + size])
        position += 8 + size
    if JSON_CHUNK not in chunks:
        raise fault
    return chunks[JSON_CHUNK], chunks.get(BINARY_CHUNK)
