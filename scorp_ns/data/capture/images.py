"""Image and mask files that exist, are images, and have the size that the cameras say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from scorp_ns.data.capture.files import UsedFiles
from scorp_ns.data.capture.intrinsics import intrinsic
from scorp_ns.data.capture.reading import Capture
from scorp_ns.errors import CaptureError
from scorp_ns.messages import SHOWN, counted, some_of

IMAGE_MODES = frozenset({"L", "RGB", "RGBA"})
"""Pillow's names of the pixel formats that nerfstudio reads as they are meant; it garbles the others silently."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Header:
    """The facts in the first bytes of an image."""

    size: Size
    mode: str


def check_images(capture: Capture, frames: list[dict[str, Any]], files: UsedFiles) -> None:
    """Returns if the images of these frames, and their masks, are there and fit the cameras; reads headers only."""
    headers = _headers(capture, files, [files.name(frame["file_path"]) for frame in frames], "images")
    _check_modes(capture, headers)
    _check_sizes(capture, frames, files, headers)
    if all("mask_path" in frame for frame in frames):
        _check_masks(capture, frames, files, headers)


def check_image_decodes(path: Path) -> None:
    """Returns if the whole image can be decoded; slow, for use when an image is about to be used anyway."""
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise CaptureError(
            f"The image {path} cannot be decoded: {error}.",
            "Every image of the capture must be complete.",
            "Copy it again from the camera, or remove its frame from transforms.json.",
        ) from error


def _headers(capture: Capture, files: UsedFiles, names: Iterable[str], what: str) -> dict[str, Header]:
    """The header of every file by name; one error tells of all files that have none, sorted by what is wrong."""
    headers: dict[str, Header] = {}
    wrong: dict[str, list[str]] = defaultdict(list)
    for name in names:
        header = _read_header(capture.folder / name)
        if isinstance(header, Header):
            headers[name] = header
        else:
            wrong[header].append(name)
    if not wrong:
        return headers
    bad = [name for names in wrong.values() for name in names]
    groups = " ".join(f"{problem} ({len(names)}): {some_of(names)}." for problem, names in wrong.items())
    at_factor = f" (at downscale factor {files.downscale_factor})" if files.downscale_factor > 1 else ""
    raise CaptureError(
        f"{len(bad)} of {len(bad) + len(headers)} {what} in {capture.folder} cannot be used. {groups}",
        f"All {what} that transforms.json names are needed{at_factor}.",
        _file_advice(capture, files, bad),
    )


def _read_header(path: Path) -> Header | str:
    """The header, or in a few words what is wrong with the file."""
    try:
        with Image.open(path) as image:
            return Header(image.size, image.mode)
    except UnidentifiedImageError:
        return "Empty" if path.stat().st_size == 0 else "Of no known image format"
    except FileNotFoundError:
        return "Links that lead nowhere" if path.is_symlink() else "Missing"
    except IsADirectoryError:
        return "Folders"
    except OSError as error:
        return f"Unreadable, {error.strerror or error}"
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"Unreadable, {error}"


def _file_advice(capture: Capture, files: UsedFiles, names: list[str]) -> str:
    """Advice about files that cannot be used."""
    if files.downscale_factor > 1:
        return "Make the smaller copies, or pass `nerfstudio-data --downscale-factor 1` to use the full images."
    first = capture.folder / names[0]
    same_stem = [] if first.suffix else sorted(first.parent.glob(f"{first.name}.*"))
    if same_stem:
        return f"Write each 'file_path' with its ending: there is a '{same_stem[0].name}'."
    if "\\" in names[0]:
        return "Write each 'file_path' with / instead of \\."
    return (
        "Put the files there, correct the paths (they start from the folder of transforms.json) or remove the frames."
    )


def _check_modes(capture: Capture, headers: dict[str, Header]) -> None:
    """Returns if all images have pixels that nerfstudio reads as they are meant."""
    odd = [name for name, header in headers.items() if header.mode not in IMAGE_MODES]
    if odd:
        modes = " or ".join(sorted({headers[name].mode for name in odd}))
        raise CaptureError(
            f"{len(odd)} of {len(headers)} images in {capture.folder} have pixels of type {modes}: {some_of(odd)}.",
            "Images must be grey, RGB or RGBA with 8 bits per channel.",
            "Convert them, for example with `mogrify -colorspace sRGB -type TrueColor -depth 8`.",
        )


def _check_sizes(capture: Capture, frames: list[dict[str, Any]], files: UsedFiles, headers: dict[str, Header]) -> None:
    """Returns if every image has the width and height of its camera."""
    sizes = _camera_sizes(capture, files)
    expected = {files.name(frame["file_path"]): size for frame, size in zip(capture.frames, sizes, strict=True)}
    odd = [name for name, header in headers.items() if header.size != expected[name]]
    if not odd:
        return
    at_factor = f" at downscale factor {files.downscale_factor}" if files.downscale_factor > 1 else ""
    if "w" in capture.content and "h" in capture.content:
        raise _one_camera_error(capture, headers, sizes[0], at_factor)
    examples = "; ".join(
        f"'{name}' is {_text(headers[name].size)}, not {_text(expected[name])}" for name in odd[:SHOWN]
    )
    raise CaptureError(
        f"{len(odd)} of {len(frames)} images in {capture.folder} differ from w and h of their frames{at_factor}: "
        f"{examples}.",
        "Images and cameras must agree in size.",
        "Correct w and h of these frames together with fl_x, fl_y, cx and cy, or resize the images.",
    )


def _camera_sizes(capture: Capture, files: UsedFiles) -> list[Size]:
    """Width and height of every frame as nerfstudio computes them: scaled in single precision, rounded down."""
    sizes = np.stack([intrinsic(capture, "w"), intrinsic(capture, "h")], axis=1).astype(np.int64)
    scaled = (sizes.astype(np.float32) * np.float32(1.0 / files.downscale_factor)).astype(np.int64)
    return [(width, height) for width, height in scaled.tolist()]


def _one_camera_error(capture: Capture, headers: dict[str, Header], expected: Size, at_factor: str) -> CaptureError:
    """The error for images that do not all have the one size that the file's w and h give."""
    names_by_size: dict[Size, list[str]] = defaultdict(list)
    for name, header in headers.items():
        names_by_size[header.size].append(name)
    needed = f"transforms.json says {_text(expected)} for all images{at_factor}."
    if len(names_by_size) > 1:
        rarest_last = sorted(names_by_size.items(), key=lambda item: -len(item[1]))
        counts = ", ".join(
            f"{counted(len(names), 'image')} of {_text(size)} (such as '{names[0]}')" for size, names in rarest_last
        )
        do = "Remove or resize the odd ones, or give w, h, fl_x, fl_y, cx and cy in every frame instead of at the top."
        return CaptureError(f"Sizes differ in {capture.folder}: {counts}.", needed, do)
    size = next(iter(names_by_size))
    do = "Correct w and h together with fl_x, fl_y, cx and cy, or resize the images."
    if size == expected[::-1]:
        do = "They look turned by 90 degrees: turn the images or swap w with h, fl_x with fl_y and cx with cy."
    return CaptureError(f"All images in {capture.folder} are {_text(size)}.", needed, do)


def _check_masks(capture: Capture, frames: list[dict[str, Any]], files: UsedFiles, headers: dict[str, Header]) -> None:
    """Returns if every mask is there, has one channel and is as large as its image."""
    pairs = [(files.name(frame["mask_path"], "masks_"), files.name(frame["file_path"])) for frame in frames]
    masks = _headers(capture, files, dict.fromkeys(mask for mask, _ in pairs), "masks")
    colored = [name for name, mask in masks.items() if Image.getmodebands(mask.mode) != 1]
    odd = list(dict.fromkeys(mask for mask, image in pairs if masks[mask].size != headers[image].size))
    if not colored and not odd:
        return
    wrong, bad = ("have several channels", colored) if colored else ("differ in size from their images", odd)
    raise CaptureError(
        f"{len(bad)} of {len(masks)} masks in {capture.folder} {wrong}: {some_of(bad)}.",
        "A mask is a grey image of its image's size: zero where pixels are to be ignored.",
        "Convert or resize these masks, or remove 'mask_path' from all frames.",
    )


def _text(size: Size) -> str:
    """A size as people write it."""
    return "x".join(str(side) for side in size)
