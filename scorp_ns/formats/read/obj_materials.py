"""The materials of Wavefront OBJ files: colours and the names of textures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scorp_ns.formats.read.images import decode_image
from scorp_ns.formats.read.limits import MOST_TEXT_BYTES
from scorp_ns.formats.read.parts import WHITE, Texture, to_linear
from scorp_ns.formats.read.source import AssetSource


@dataclass(frozen=True)
class ObjMaterial:
    """The colour of a material."""

    tint: tuple[float, float, float] = WHITE
    texture: Texture | None = None
    says_color: bool = False


def read_materials(libraries: Sequence[str], source: AssetSource) -> dict[str, ObjMaterial]:
    """The materials of all libraries that can be read, by name; of the others there is a note."""
    entries: dict[str, dict[str, str]] = {}
    for library in dict.fromkeys(libraries):
        content = _beside(library, source)
        if content is not None and len(content) <= MOST_TEXT_BYTES:
            entries |= _entries(content.decode("utf-8", errors="replace"))
    textures: dict[str, Texture | None] = {}
    for entry in entries.values():
        file = entry.get("map_kd", "")
        if file and file not in textures:
            textures[file] = _texture(file, source)
    return {name: _material(entry, textures) for name, entry in entries.items()}


def _entries(text: str) -> dict[str, dict[str, str]]:
    """The statements of each material, by lower-case keywords."""
    entries: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for line in text.splitlines():
        key, _, rest = line.strip().partition(" ")
        if key.lower() == "newmtl":
            current = entries[rest.strip()] = {}
        elif rest:
            current[key.lower()] = rest.strip()
    return entries


def _material(entry: dict[str, str], textures: dict[str, Texture | None]) -> ObjMaterial:
    """A material; its own colour counts only without a texture, as programs write any colour beside one."""
    texture = textures.get(entry.get("map_kd", ""))
    try:
        color = np.array(entry.get("kd", "").split()[:3], np.float64)
    except ValueError:
        color = np.empty(0)
    if texture is not None or color.shape != (3,) or not np.isfinite(color).all():
        return ObjMaterial(texture=texture, says_color=texture is not None)
    red, green, blue = to_linear(color.clip(0, 1)).tolist()
    return ObjMaterial((red, green, blue), says_color=True)


def _texture(reference: str, source: AssetSource) -> Texture | None:
    """The picture that a material names, perhaps after options; None, with a note, if it is not there."""
    file = reference if not reference.startswith("-") else reference.split()[-1]
    content = _beside(file, source)
    return None if content is None else decode_image(content, source, f"'{file[:60]}'")


def _beside(file: str, source: AssetSource) -> bytes | None:
    """The bytes of a file beside the OBJ; None, with a note, where there is none."""
    if source.beside(file).is_file():
        return source.read_beside(file)
    source.notes.append(f"Its file '{file[:60]}' of materials or colours is missing.")
    return None
