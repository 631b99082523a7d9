"""ZIP archives of job folders, and safe unpacking of foreign archives."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

MOST_FILES = 1000
"""Most files of a result's archive."""

CHUNK_BYTES = 1 << 20

UNREADABLE = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, ValueError, EOFError, OSError)
"""Errors from reading an archive that is torn, encrypted, or packed in an unknown way."""


class ArchiveError(Exception):
    """An archive that cannot, or must not, be unpacked."""


def pack(folder: Path) -> bytes:
    """A ZIP archive of all files in the folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(folder).as_posix())
    return buffer.getvalue()


def unpack(content: bytes, folder: Path, most_bytes: int) -> None:
    """Write the files of a ZIP archive into the folder, and none outside it, or raise an ArchiveError."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MOST_FILES:
                raise ArchiveError(f"it holds {len(entries)} files")
            left = most_bytes
            for entry in entries:
                left -= _unpack_one(archive, entry, folder, left)
    except UNREADABLE as error:
        raise ArchiveError(f"{type(error).__name__}: {error}") from error


def _unpack_one(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, most_bytes: int) -> int:
    """Write one file; its size."""
    name = PurePosixPath(entry.filename)
    is_plain = not name.is_absolute() and ".." not in name.parts and not set(entry.filename) & set("\\:\0")
    if not is_plain or stat.S_ISLNK(entry.external_attr >> 16):
        raise ArchiveError(f"the path {entry.filename!r} leads out of it")
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    # The sizes in an archive need not be true.
    with archive.open(entry) as source, open(path, "xb") as target:
        while chunk := source.read(CHUNK_BYTES):
            size += len(chunk)
            if size > most_bytes:
                raise ArchiveError("its files are too large")
            target.write(chunk)
    return size
