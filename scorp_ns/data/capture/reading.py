"""transforms.json, found and read, with frames that can be relied on to name an image and a pose."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from scorp_ns.errors import CaptureError
from scorp_ns.json_files import read_json
from scorp_ns.messages import counted, json_kind, some_of

TRANSFORMS = "transforms.json"

NEEDED = f"A capture is a folder with a {TRANSFORMS} (cameras) beside its images."

MAKE = "Make one with `ns-process-data images --data {photos} --output-dir CAPTURE` and pass `--data CAPTURE`."

MOVED = (
    "Correct `--data`. Where a finished run is opened, whose capture has moved since, correct `data:` near the top of "
    "the run's config.yml, or use `scorp export`, which needs no photographs."
)

REMAKE = "Repair it, or make the capture again with `ns-process-data`."

PHOTO_ENDINGS = (".jpg", ".jpeg", ".png")
FILM_ENDINGS = (".mp4", ".mov", ".avi", ".mkv", ".webm")

COLMAP_FOLDERS = ("colmap/sparse/0", "sparse/0", "colmap/sparse", "sparse", "colmap")
"""The usual folders of COLMAP models; the first is the colmap dataparser's own."""


@dataclass(frozen=True)
class Capture:
    """A transforms.json whose frames all have a `file_path` and a `transform_matrix`."""

    path: Path
    """The transforms.json itself."""
    content: dict[str, Any]
    """Everything in it."""

    @property
    def folder(self) -> Path:
        """The folder that the paths in the file start from."""
        return self.path.parent

    @cached_property
    def frames(self) -> list[dict[str, Any]]:
        """One dictionary per image, in the file's order."""
        return self.content["frames"]


def read_capture(data: Path) -> Capture:
    """The capture in a folder, or in the .json file that is named; a CaptureError says what is wrong with it."""
    try:
        path = _find_transforms(data)
    except OSError as error:
        raise CaptureError(
            f"'{data}' cannot be looked into: {error.strerror}.", NEEDED, "Check the path and its permissions."
        ) from error
    content = read_json(path, CaptureError, "It must be a JSON file.", REMAKE)
    if not isinstance(content, dict):
        raise CaptureError(
            f"{path} holds {json_kind(content)} at its top.",
            "It must be an object with a list 'frames'.",
            REMAKE,
        )
    _check_frames(path, content.get("frames"))
    return Capture(path, content)


def _find_transforms(data: Path) -> Path:
    """The path of the transforms.json; the file itself may be named if it ends in .json."""
    if not data.exists():
        where = "" if data.is_absolute() else f" in {Path.cwd()}"
        found = f"'{data}' is a link that leads nowhere." if data.is_symlink() else f"'{data}' does not exist{where}."
        raise CaptureError(found, NEEDED, MOVED)
    if data.is_file():
        if data.suffix == ".json":
            return data
        do = f"Make one with `ns-process-data video --data {data} --output-dir CAPTURE` and pass `--data CAPTURE`."
        if data.suffix.lower() not in FILM_ENDINGS:
            do = f"Pass the folder that holds the {TRANSFORMS}; unpack it first if this is an archive."
        raise CaptureError(f"'{data}' is a file.", NEEDED, do)
    path = data / TRANSFORMS
    if path.is_file():
        return path
    raise _no_transforms(data)


def _no_transforms(data: Path) -> CaptureError:
    """The error for a folder without transforms.json, with the step that gets closest to what is there."""
    entries = sorted(os.listdir(data))
    if not entries:
        return CaptureError(f"'{data}' is an empty folder.", NEEDED, MAKE.format(photos="PHOTOS"))
    found = f"'{data}' has no {TRANSFORMS}."
    for place in (data.absolute().parent, *(data / entry for entry in entries)):
        if (place / TRANSFORMS).is_file():
            return CaptureError(found, NEEDED, f"There is one in '{place}': pass `--data {place}`.")
    return CaptureError(found, NEEDED, _other_layout(data) or MAKE.format(photos=_photo_folder(data, entries)))


def _other_layout(data: Path) -> str | None:
    """Advice on training on a folder as another program left it; None where no such program is recognised."""
    for index, folder in enumerate(COLMAP_FOLDERS):
        if any((data / folder / f"cameras.{ending}").exists() for ending in ("bin", "txt")):
            where = f" --colmap-path {folder}" if index else ""
            return f"Train on its COLMAP model with `ns-train scorp --data {data} colmap{where}`."
    if (data / "transforms_train.json").exists():
        return f"Its Blender layout works with `ns-train scorp --data {data} blender-data`."
    return None


def _photo_folder(data: Path, entries: list[str]) -> str:
    """The likely folder of the photos: the folder itself, or its folder of images."""
    if any(entry.lower().endswith(PHOTO_ENDINGS) for entry in entries):
        return str(data)
    return str(data / "images") if (data / "images").is_dir() else "PHOTOS"


def _check_frames(path: Path, frames: Any) -> None:
    """Returns if every frame names an image and a pose, and there are at least two of them."""
    needed = "'frames' must be a list with one object per image, each with 'file_path' and 'transform_matrix'."
    if not isinstance(frames, list):
        found = "no 'frames'" if frames is None else f"'frames' that are {json_kind(frames)}"
        raise CaptureError(f"{path} has {found}.", needed, REMAKE)
    strangers = [index for index, frame in enumerate(frames) if not isinstance(frame, dict)]
    if strangers:
        raise CaptureError(f"Frame {strangers[0]} in {path} is not an object.", needed, "Repair or remove it.")
    for key, do in (
        ("file_path", "Name the image of each frame."),
        ("transform_matrix", "Remove images without pose."),
    ):
        without = [_name(index, frame) for index, frame in enumerate(frames) if not frame.get(key)]
        if without:
            raise CaptureError(
                f"{len(without)} of {len(frames)} frames in {path} have no '{key}': {some_of(without)}.", needed, do
            )
    nameless = [_name(index, frame) for index, frame in enumerate(frames) if not isinstance(frame["file_path"], str)]
    if nameless:
        raise CaptureError(f"'file_path' of {nameless[0]} in {path} is not a string.", needed, "Repair it.")
    if len(frames) < 2:
        raise CaptureError(
            f"{path} has {counted(len(frames), 'frame')}.",
            "A scene needs at least two training images, and dozens to look good.",
            "Take more photos and process them together with `ns-process-data`.",
        )


def _name(index: int, frame: dict[str, Any]) -> str:
    """A frame's name in messages: its image, or its number where it has none."""
    file_path = frame.get("file_path")
    return file_path if isinstance(file_path, str) and file_path else f"frame {index}"
