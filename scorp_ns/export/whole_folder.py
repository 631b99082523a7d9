"""A folder that gets all files of an export or none, and keeps what people put into it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EACCES, EISDIR, ELOOP, EXDEV
from pathlib import Path, PurePosixPath

from scorp_ns.errors import OutputError
from scorp_ns.json_files import json_or_none

MANIFEST = "manifest.json"
"""The file that tells our folders from others."""

WRITTEN_BY = "written_by"
"""The manifest's entry that does."""

ALL_FILES = "all_files"
"""The manifest's list of all files beside it, as seen from the folder."""

UNFINISHED, FINISHED = ".scorp_unfinished", ".scorp_finished"
"""Where files wait: until all are written, and then until each is in its place."""

LEFT_BY_SYSTEMS = {UNFINISHED, "lost+found", ".DS_Store", "System Volume Information"}
"""What may lie in a folder that people call empty."""


def check_folder(folder: Path, overwrite: bool) -> None:
    """Refuse other people's folders, earlier exports that may not be overwritten, and what cannot be written to."""
    with _failures_told(folder), _unfinished(_prepared(folder, overwrite)) as unfinished:
        (unfinished / MANIFEST).write_text("{}")


@contextmanager
def whole_folder(folder: Path, overwrite: bool) -> Iterator[Path]:
    """An empty folder whose files come into this one when the block ends well, and go when it does not.

    An existing folder is written into, never renamed: it may be where a shell stands, a disk or a link. Of an earlier
    export, files that this one does not write again go; all that nobody's manifest names stays.
    """
    with _failures_told(folder):
        place = _prepared(folder, overwrite)
        with _unfinished(place) as unfinished:
            yield unfinished
            if not place.is_dir():
                os.replace(unfinished, place)
                return
            _check_places(unfinished, place)
            os.replace(unfinished, place / FINISHED)
        _move_in(place)


def files_below(folder: Path) -> list[str]:
    """All files in a folder and the folders in it, as seen from it, in order."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@contextmanager
def _failures_told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"The files cannot be written to {folder} ({error.strerror or error}).",
            "A folder that can be written, with room for some megabytes, is needed.",
            "Free some space, mend its permissions or choose another --output-dir.",
        ) from error


def _prepared(folder: Path, overwrite: bool) -> Path:
    """The folder that a path leads to, after a look at what it holds."""
    place = Path(os.path.realpath(folder))
    if place.is_symlink():
        raise OSError(ELOOP, "its links lead round in a circle")
    if not place.exists():
        return place
    if not place.is_dir():
        raise OutputError(
            f"{folder} is a file.", "A folder that does not exist yet is needed.", "Choose another --output-dir."
        )
    if (place / FINISHED).exists():
        _move_in(place)  # An export was killed while its files moved in.
    _check_content(place, folder, overwrite)
    return place


def _check_content(place: Path, folder: Path, overwrite: bool) -> None:
    if {path.name for path in place.iterdir()} <= LEFT_BY_SYSTEMS:
        return
    manifest = json_or_none(place / MANIFEST)
    is_ours = isinstance(manifest, dict) and str(manifest.get(WRITTEN_BY, "")).startswith("scorp")
    if not is_ours:
        raise OutputError(
            f"The folder {folder} holds files that no export of scorp wrote.",
            "A folder that is empty, or does not exist yet, is needed, so that nothing of yours is lost.",
            "Choose another --output-dir.",
        )
    if not overwrite:
        raise OutputError(
            f"The folder {folder} holds an earlier export.",
            "Nothing is overwritten without being asked.",
            "Pass --overwrite to replace its files, or choose another --output-dir.",
        )


@contextmanager
def _unfinished(place: Path) -> Iterator[Path]:
    """A new hidden folder in the place, or beside it where it does not exist; what is left of it in the end goes."""
    beside = place.parent / f".{place.name}{UNFINISHED}"
    unfinished = place / UNFINISHED if place.is_dir() else beside
    made = [parent for parent in unfinished.parents if not parent.exists()]
    try:
        for stale in (beside, unfinished):
            shutil.rmtree(stale, ignore_errors=True)
        unfinished.mkdir(parents=True)
        yield unfinished
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        _remove_empty(made)


def _check_places(unfinished: Path, place: Path) -> None:
    """Make the folders of all files, and find out whether each file can move into its own, before any does."""
    for name in files_below(unfinished):
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise IsADirectoryError(EISDIR, f"{target} is a folder")
        if not os.access(target.parent, os.W_OK):
            raise PermissionError(EACCES, f"{target.parent} cannot be written")
        if target.parent.stat().st_dev != unfinished.stat().st_dev:
            raise OSError(EXDEV, f"{target.parent} lies on another disk")


def _move_in(place: Path) -> None:
    """Move finished files where they belong, and remove those that an earlier export wrote and this one did not.

    The manifest comes last: until then, whoever is called next can go on with this.
    """
    finished = place / FINISHED
    names = files_below(finished)
    for name in names:
        if name != MANIFEST:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(finished / name, place / name)
    for name in _named(place / MANIFEST) - _named(finished / MANIFEST):
        with suppress(OSError):
            (place / name).unlink()
        _remove_empty([place / parent for parent in PurePosixPath(name).parents][:-1])
    if MANIFEST in names:
        os.replace(finished / MANIFEST, place / MANIFEST)
    shutil.rmtree(finished, ignore_errors=True)


def _named(manifest: Path) -> set[str]:
    """The files that a manifest names, but for any that lie outside its folder."""
    content = json_or_none(manifest)
    names = content.get(ALL_FILES) if isinstance(content, dict) else None
    paths = [PurePosixPath(name) for name in names if isinstance(name, str)] if isinstance(names, list) else []
    return {path.as_posix() for path in paths if path.parts and not path.is_absolute() and ".." not in path.parts}


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
