"""The assignment of mask files to frames by name."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from scorp_ns.masks.source import Frame

SUFFIXES = (".png", ".webp", ".tif", ".tiff", ".bmp", ".npy", ".jpg", ".jpeg")
"""Endings of mask files; of two files for one frame, the one whose ending comes first is used."""


def mask_files(folder: Path) -> dict[str, Path]:
    """The mask files below a folder, by their path from there without the ending; hidden ones do not count."""
    found: dict[str, Path] = {}
    for path in sorted(_visible_files(folder), key=_preference, reverse=True):
        found[path.relative_to(folder).with_suffix("").as_posix()] = path
    return dict(sorted(found.items()))


def match(frames: Sequence[Frame], keys: Iterable[str], shorten_keys: bool = False) -> list[str | None]:
    """For each frame the key (a path without ending) that names its image, or None.

    'images/cam0/0001.jpg' is named by 'images/cam0/0001', 'cam0/0001' or '0001', and by these followed by '.jpg' as
    COLMAP does; but only by what names no other of the frames, so that two folders of images are not mixed up.
    With `shorten_keys` a key may also have folders in front that the frame's name lacks.
    """
    spellings, num_named = _spell(frames)
    keys_by_spelling = _by_spelling(keys, shorten_keys)
    return [
        next(
            (keys_by_spelling[text] for text in frame if num_named[text] == 1 and text in keys_by_spelling),
            None,
        )
        for frame in spellings
    ]


def match_files(frames: Sequence[Frame], index: Mapping[str, Path]) -> list[Path | None]:
    """For each frame its mask file of an index as `mask_files` makes it, or None."""
    return [None if key is None else index[key] for key in match(frames, index)]


def short_names(frames: Sequence[Frame]) -> list[str]:
    """The shortest path without ending that names each frame and no other; the ending stays where it must."""
    spellings, num_named = _spell(frames)
    return [min((text for text in frame if num_named[text] == 1), key=_length, default=frame[0]) for frame in spellings]


def distinct_images(frames: Sequence[Frame]) -> list[int]:
    """The frames without those whose image came before, as when a run evaluates what it trains on."""
    firsts = {frame.image_path: index for index, frame in reversed(list(enumerate(frames)))}
    return sorted(firsts.values())


def _spell(frames: Sequence[Frame]) -> tuple[list[list[str]], Counter[str]]:
    """The possible names of each frame, and the number of images that each name fits."""
    spellings = {frame.name: _spellings(frame.name) for frame in frames}
    num_named = Counter(spelling for image in spellings.values() for spelling in image)
    return [spellings[frame.name] for frame in frames], num_named


def _length(spelling: str) -> tuple[int, int]:
    return spelling.count("/"), len(spelling)


def _spellings(name: str) -> list[str]:
    """The possible names of an image, the most exact first."""
    path = PurePosixPath(name.replace("\\", "/"))
    tails = _tails(path.as_posix())
    return [spelling for tail in tails for spelling in dict.fromkeys((tail, str(PurePosixPath(tail).with_suffix(""))))]


def _tails(text: str) -> list[str]:
    """The path, then without its first folder, and so on down to the file's name."""
    parts = PurePosixPath(text).parts
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _by_spelling(keys: Iterable[str], shorten_keys: bool) -> dict[str, str]:
    """The key for each spelling of it that is a spelling of no other key."""
    exact = {PurePosixPath(key).as_posix(): key for key in keys}
    if not shorten_keys:
        return exact
    tails = [(tail, key) for spelling, key in exact.items() for tail in _tails(spelling)]
    num_keys = Counter(tail for tail, _ in tails)
    return {tail: key for tail, key in tails if num_keys[tail] == 1} | exact


def _visible_files(folder: Path) -> list[Path]:
    """The files below a folder that end like a mask and are not hidden; links to folders are followed once."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder, followlinks=True, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not _leads_back(Path(place) / name) and name[0] != ".")
        found += [Path(place) / name for name in files if name[0] != "." and name.lower().endswith(SUFFIXES)]
    return found


def _refuse(error: OSError) -> None:
    """Raise the error unless the folder does not exist; by itself `os.walk` skips unreadable folders."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _leads_back(folder: Path) -> bool:
    """True if a linked folder contains its own link, which would never end."""
    return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())


def _preference(path: Path) -> tuple[int, str]:
    return SUFFIXES.index(path.suffix.lower()), path.as_posix()
