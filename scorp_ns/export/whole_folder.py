"""Atomic exports: a folder gets all files or none, and keeps people's own files."""

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
"""The file that marks the folder of an export."""

WRITTEN_BY = "written_by"
"""The manifest's entry that names its writer."""

ALL_FILES = "all_files"
"""The manifest's list of all files beside it, relative to the folder."""

UNFINISHED, FINISHED = ".scorp_unfinished", ".scorp_finished"
"""Folders in which files wait: until all are written, and then until each is in its place."""

LEFT_BY_SYSTEMS = {UNFINISHED, "lost+found", ".DS_Store", "System Volume Information"}
"""Files that a folder may hold and still count as empty."""


def check_folder(folder: Path, overwrite: bool) -> None:
    """Refuse folders with foreign files, exports that may not be overwritten, and folders that cannot be written."""
    with _failures_told(folder), _unfinished(_prepared(folder, overwrite)) as unfinished:
        (unfinished / MANIFEST).write_text("{}")


@contextmanager
def whole_folder(folder: Path, overwrite: bool) -> Iterator[Path]:
    """A context with an empty folder, whose files move into this one if the block ends well, and are deleted if not.

    An existing folder is written into, never renamed: it may be where a shell stands, a disk or a link. Of an earlier
    export, files that this one does not write again go; files that no manifest names stay.
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
    """All files below a folder, relative to it, sorted."""
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
    """The folder at a path with links resolved, after a check of its content."""
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
    """A context with a new hidden folder in the place, or beside it if that does not exist; deleted in the end."""
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
    """Make the folders of all files, and raise an error if a file cannot move into its own, before any does."""
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

    The manifest comes last: until then, a later call can finish the move.
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
    """The files that a manifest names inside its folder."""
    content = json_or_none(manifest)
    names = content.get(ALL_FILES) if isinstance(content, dict) else None
    paths = [PurePosixPath(name) for name in names if isinstance(name, str)] if isinstance(names, list) else []
    return {path.as_posix() for path in paths if path.parts and not path.is_absolute() and ".." not in path.parts}


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
