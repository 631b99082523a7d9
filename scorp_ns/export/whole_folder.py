"""A folder that appears with all its files or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scorp_ns.errors import OutputError
from scorp_ns.json_files import json_or_none

MANIFEST = "manifest.json"
"""The file that tells our folders from others."""

WRITTEN_BY = "written_by"
"""The manifest's entry that does."""


def check_folder(folder: Path, overwrite: bool) -> None:
    """Refuse a folder with other people's files, and one of ours unless it is to be overwritten."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputError(
            f"{folder} is a file.", "A folder that does not exist yet is needed.", "Choose another --output-dir."
        )
    if not any(folder.iterdir()):
        return
    manifest = json_or_none(folder / MANIFEST)
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
def whole_folder(folder: Path, overwrite: bool) -> Iterator[Path]:
    """An empty folder beside this one, which takes its place when the block ends well, and goes when it does not."""
    check_folder(folder, overwrite)
    folder = folder.resolve()
    unfinished, old = (folder.with_name(f".{folder.name}.{what}") for what in ("unfinished", "old"))
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        yield unfinished
        _put_in_place(unfinished, folder, old)
    except OSError as error:
        raise OutputError(
            f"The files cannot be written to {folder} ({error.strerror or error}).",
            "A folder that can be written, with room for some megabytes, is needed.",
            "Free some space, mend its permissions or choose another --output-dir.",
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _put_in_place(unfinished: Path, folder: Path, old: Path) -> None:
    """Rename the finished folder, over one that is put aside first and removed last."""
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    try:
        os.replace(unfinished, folder)
    except OSError:
        if old.exists():
            os.replace(old, folder)
        raise
    _keep_others(old, folder)
    shutil.rmtree(old, ignore_errors=True)


def _keep_others(old: Path, folder: Path) -> None:
    """Take along what somebody else put into the earlier export: all files that its manifest does not name."""
    ours = {MANIFEST, *_texts(json_or_none(old / MANIFEST))}
    for path in sorted(old.rglob("*")):
        name = path.relative_to(old)
        if path.is_file() and name.as_posix() not in ours and not (folder / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, folder / name)


def _texts(value: Any) -> Iterator[str]:
    """All texts in what a JSON file holds."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
