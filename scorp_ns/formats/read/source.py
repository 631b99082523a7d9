"""The file of an asset and those beside it: read within limits, and named in errors."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote

from scorp_ns.errors import GenerationError
from scorp_ns.formats.read.limits import (
    MOST_FILE_BYTES,
    MOST_TOTAL_BYTES,
    MOST_TOTAL_PIXELS,
    MOST_TRIANGLES,
    MOST_VERTICES,
)

EXPORT_AGAIN = "Export it again, best as .glb, or take another file."
"""The advice for most files that cannot be read."""


@dataclass
class AssetSource:
    """An asset that is being read: its path, its running totals, and notes for people."""

    path: Path
    name: str
    """The object's."""
    notes: list[str] = field(default_factory=list)
    """Sentences about anything skipped, guessed or left out."""
    bytes_read: int = 0
    pixels_read: int = 0
    vertices_read: int = 0
    triangles_read: int = 0

    def fault(self, found: str, needed: str, do: str = EXPORT_AGAIN) -> GenerationError:
        """An error that names the object and the file; `found` goes on after both."""
        return GenerationError(f"The asset of '{self.name}', {self.path}, {found}.", needed, do)

    def read(self) -> bytes:
        """The asset's own bytes."""
        return self._read(self.path, "the file")

    def read_beside(self, uri: str) -> bytes:
        """The bytes of a file that the asset refers to, from its own folder or a folder in it."""
        return self._read(self.beside(uri), f"the file '{_shortened(uri)}' that it refers to")

    def beside(self, uri: str) -> Path:
        """The path of a file that the asset refers to; an error if it is outside the asset's folder."""
        text = unquote(uri).replace("\\", "/")
        leads_out = (
            "\0" in text or "://" in text or text.startswith("/") or bool(PureWindowsPath(text).drive)
        ) or ".." in text.split("/")
        folder = self.path.parent
        if leads_out or not _is_within(folder / text, folder):
            raise self.fault(
                f"refers to '{_shortened(uri)}', outside its folder",
                "An asset may only refer to files in its own folder.",
                "Put the file beside the asset and refer to it by its name, or export the asset as a single .glb.",
            )
        return folder / text

    def count_pixels(self, number: int) -> None:
        """Add to the total of pixels; an error if they are too many."""
        self.pixels_read += number
        if self.pixels_read > MOST_TOTAL_PIXELS:
            raise self.fault(
                f"has pictures of more than {MOST_TOTAL_PIXELS / 1e6:.0f} million pixels in all",
                "Pictures of a reasonable size are needed.",
                "Make its textures smaller; 2048 x 2048 pixels are enough.",
            )

    def count_geometry(self, vertices: int, triangles: int) -> None:
        """Add to the totals of vertices and triangles; an error if they are too many."""
        self.vertices_read += vertices
        self.triangles_read += triangles
        if self.vertices_read > MOST_VERTICES or self.triangles_read > MOST_TRIANGLES:
            raise self.fault(
                f"has more than {MOST_TRIANGLES} triangles or {MOST_VERTICES} vertices",
                "Fewer are needed.",
                "Make it coarser before, for instance with a decimation to 200000 triangles.",
            )

    def _read(self, path: Path, what: str) -> bytes:
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size > MOST_FILE_BYTES or self.bytes_read + size > MOST_TOTAL_BYTES:
                    raise self.too_large(size)
                content = file.read(size + 1)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise self.fault(
                f"cannot be read: {what}: {why}",
                "The asset and all files it refers to are needed.",
                "Put the file there, correct its permissions, or export the asset as a single .glb.",
            ) from error
        self.bytes_read += len(content)
        return content

    def too_large(self, size: int, most: int = MOST_FILE_BYTES) -> GenerationError:
        """The error for a file of too many bytes."""
        return self.fault(
            f"needs a file of {size / 2**20:.0f} MiB",
            f"Files up to {most >> 20} MiB, and {MOST_TOTAL_BYTES >> 20} MiB in all, are read.",
            "Export it with fewer triangles and smaller textures.",
        )


def _is_within(path: Path, folder: Path) -> bool:
    """True if a path is inside a folder, with links resolved."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        return False


def _shortened(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[:most]}..."
