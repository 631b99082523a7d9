"""Folders for objects of any name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from urllib.parse import unquote

from scorp_ns.products import ObjectInfo

UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|%\ud800-\udfff]|^[. ]|[. ]$')
"""Characters that some file system refuses or hides, and the one that marks those replaced."""

RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
"""Names that Windows keeps for devices."""

MOST_BYTES = 200
"""File systems allow 255 bytes."""


def folder_name(name: str) -> str:
    """A folder name that every file system takes; letters of any language and spaces stay as they are."""
    safe = UNSAFE.sub(lambda found: _escaped(found.group()), name)
    if RESERVED.match(safe):
        safe = _escaped(safe[0]) + safe[1:]
    encoded = safe.encode()
    if len(encoded) <= MOST_BYTES:
        return safe
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{encoded[: MOST_BYTES - 13].decode(errors='ignore')}~{digest}"


def object_folders(objects: Sequence[ObjectInfo]) -> list[str]:
    """A folder for each object; no two differ only in case, which some file systems do not see."""
    folders: list[str] = []
    used: set[str] = set()
    for info in objects:
        folder, number = folder_name(info.name), 2
        while folder.casefold() in used:
            folder, number = f"{folder_name(info.name)}~{number}", number + 1
        used.add(folder.casefold())
        folders.append(folder)
    return folders


def name_of_folder(folder: str) -> str:
    """The name for which `folder_name` gives this folder; the folder itself if it gives it for none."""
    name = unquote(folder, errors="surrogatepass")
    return name if name.strip() and folder_name(name) == folder else folder


def _escaped(character: str) -> str:
    """The character as URLs write it: % and two digits for each of its bytes."""
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
