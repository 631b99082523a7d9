"""The splits of a capture's frames: its own lists of training and test frames, masks and depth for all or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scorp_ns.data.capture.files import UsedFiles
from scorp_ns.data.capture.reading import Capture
from scorp_ns.errors import CaptureError
from scorp_ns.messages import json_kind, some_of

SPLIT_KEYS = ("train_filenames", "val_filenames", "test_filenames")
"""The keys of a transforms.json that list the frames of each split."""

ALL_OR_NONE = {
    "mask_path": "Complete it (a white mask uses all pixels), or remove it from the other frames.",
    "depth_file_path": "Complete it, or remove it from the other frames.",
}
"""The keys that nerfstudio wants in every frame or in none, with advice for each."""


def check_splits(capture: Capture, files: UsedFiles) -> None:
    """Returns if the lists of frames, where there are any, can be followed."""
    keys = [key for key in SPLIT_KEYS if key in capture.content]
    if not keys:
        return
    if "train_filenames" not in keys or len(keys) == 1:
        missing = "train_filenames" if "train_filenames" not in keys else "val_filenames"
        raise CaptureError(
            f"{capture.path} lists frames under {some_of(keys)}, but none under '{missing}'.",
            "nerfstudio wants lists for training (train_filenames), for checks while training (val_filenames) "
            "and for evaluation (test_filenames), or none at all.",
            "Add the missing lists, or remove the others to split automatically.",
        )
    known = {files.name(frame["file_path"]) for frame in capture.frames}
    for key in keys:
        _check_list(capture, key, files, known)


def require_list(capture: Capture, split: str) -> None:
    """Returns if the split that is asked for has a list, wherever any split has one."""
    keys = [key for key in SPLIT_KEYS if key in capture.content]
    if keys and f"{split}_filenames" not in keys:
        raise CaptureError(
            f"{capture.path} lists frames under {some_of(keys)}, but none under '{split}_filenames'.",
            f"The '{split}' images are needed now.",
            f"Add '{split}_filenames', or remove the others to split automatically.",
        )


def frames_in_use(capture: Capture, files: UsedFiles) -> list[dict[str, Any]]:
    """The frames that some split lists, or all of them where there are no lists."""
    lists = [capture.content[key] for key in SPLIT_KEYS if key in capture.content]
    if not lists:
        return capture.frames
    listed = {files.name(name) for names in lists for name in names}
    return [frame for frame in capture.frames if files.name(frame["file_path"]) in listed]


def check_names_tell_split(capture: Capture) -> None:
    """Returns if every image says train or eval in its name, or the capture's lists make that unnecessary."""
    names = [Path(frame["file_path"]).name for frame in capture.frames]
    silent = [name for name in names if "train" not in name and "eval" not in name]
    if silent and not any(key in capture.content for key in SPLIT_KEYS):
        raise CaptureError(
            f"{len(silent)} of {len(names)} images in {capture.path} have neither 'train' nor 'eval' in their names: "
            f"{some_of(silent)}.",
            "`--eval-mode filename` splits by these words.",
            "Rename the images or choose another eval mode.",
        )


def check_all_or_none(capture: Capture) -> None:
    """Returns if masks of valid pixels, and depth images, are given for every frame or for none."""
    for key, do in ALL_OR_NONE.items():
        without = [frame["file_path"] for frame in capture.frames if key not in frame]
        strangers = [frame for frame in capture.frames if key in frame and not isinstance(frame[key], str)]
        if strangers:
            raise CaptureError(
                f"'{key}' of '{strangers[0]['file_path']}' in {capture.path} is {json_kind(strangers[0][key])}.",
                "It must be the name of a file.",
                "Correct it or remove it from all frames.",
            )
        if without and len(without) < len(capture.frames):
            raise CaptureError(
                f"{len(without)} of {len(capture.frames)} frames in {capture.path} lack '{key}': {some_of(without)}.",
                f"'{key}' must be given for every frame or for none.",
                do,
            )


def _check_list(capture: Capture, key: str, files: UsedFiles, known: set[str]) -> None:
    """Returns if a list holds nothing but file names of frames."""
    names: Any = capture.content[key]
    needed = f"'{key}' must be a list of frames' file_path."
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise CaptureError(f"'{key}' in {capture.path} is not a list of strings.", needed, "Correct it.")
    unknown = [name for name in names if files.name(name) not in known]
    if unknown:
        found = (
            f"'{key}' in {capture.path} names {len(unknown)} of {len(names)} that are no frames: {some_of(unknown)}."
        )
        raise CaptureError(found, needed, "Correct or remove these names.")
