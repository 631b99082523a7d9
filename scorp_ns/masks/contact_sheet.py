"""A contact sheet: one picture of all masks, for people."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from PIL import Image, ImageDraw

from scorp_ns.errors import OutputError
from scorp_ns.masks.check import MaskCheck
from scorp_ns.masks.matching import distinct_images
from scorp_ns.masks.measuring import small_image, small_size
from scorp_ns.masks.parallel import map_files
from scorp_ns.masks.pixels import resize_nearest
from scorp_ns.masks.source import Frame
from scorp_ns.masks.text_drawing import Color, text_length, write_text
from scorp_ns.products import UNKNOWN, LabelMap, ObjectMasks

MOST_FRAMES = 24
"""Most frames on the sheet."""

MOST_NAMES = 60
"""Most objects in the legend."""

THUMBNAIL = 320
"""The longer side of each picture, in pixels."""

COLUMNS = 4
MARGIN = 12
LINE = 20

PAPER, INK, ALARM, HATCH = (250, 250, 248), (40, 40, 44), (214, 40, 40), (128, 128, 128)


def write_contact_sheet(masks: ObjectMasks, frames: Sequence[Frame], check: MaskCheck, path: Path) -> Path:
    """Write a PNG of frames with their objects outlined, suspicious frames first and framed in red; its path.

    `masks` are those that were checked, with the objects that the check leaves out, so that one sees them.
    """
    suspicious = [frame for frame in check.suspicious_frames if masks.readers[frame]][:MOST_FRAMES]
    shown = suspicious + _evenly(masks, frames, MOST_FRAMES - len(suspicious), set(suspicious))
    colors = object_colors(masks)
    pictures = map_files(
        lambda frame: _picture(masks, frames[frame], frame, colors, frame in suspicious), shown, "Drawing masks"
    )
    captions = [_caption(check, frame) for frame in shown]
    sheet = _sheet(pictures, captions, _legend(masks, check, colors), _title(check, len(shown)))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path)
    except OSError as error:
        raise OutputError(
            f"The contact sheet {path} cannot be written ({error.strerror or error}).",
            "A folder that can be written is needed.",
            "Choose another place, or mend its permissions.",
        ) from error
    return path


def object_colors(masks: ObjectMasks) -> list[Color]:
    """A colour for each object: its own, or one of a distinct hue."""
    colors: list[Color] = []
    for index, info in enumerate(masks.objects):
        red, green, blue = colorsys.hsv_to_rgb((0.09 + index * 0.381966) % 1, 0.85 - 0.3 * (index % 3 == 2), 1.0)
        colors.append(info.color or (round(255 * red), round(255 * green), round(255 * blue)))
    return colors


def _evenly(masks: ObjectMasks, frames: Sequence[Frame], number: int, without: set[int]) -> list[int]:
    """Evenly spaced frames with maps from the rest of the capture; frames without one if none has any."""
    left = [frame for frame in distinct_images(frames) if frame not in without]
    mapped = [frame for frame in left if masks.readers[frame]] or left
    if len(mapped) <= number:
        return mapped
    return [mapped[(2 * index + 1) * len(mapped) // (2 * number)] for index in range(number)]


def _picture(masks: ObjectMasks, frame: Frame, index: int, colors: list[Color], is_suspicious: bool) -> Image.Image:
    """The frame, small, with its objects tinted and outlined."""
    pixels = small_image(frame, THUMBNAIL)
    if pixels is None:
        width, height = small_size(frame.size, THUMBNAIL)
        pixels = np.full((height, width, 3), HATCH, np.uint8)
    labels = masks.label_map(index)
    if labels is not None:
        pixels = paint(pixels, resize_nearest(labels, pixels.shape[1], pixels.shape[0]), colors)
    picture = Image.fromarray(pixels)
    if is_suspicious:
        ImageDraw.Draw(picture).rectangle((0, 0, picture.width - 1, picture.height - 1), outline=ALARM, width=5)
    return picture


def paint(image: UInt8[np.ndarray, "h w 3"], labels: LabelMap, colors: Sequence[Color]) -> UInt8[np.ndarray, "h w 3"]:
    """The image with each object tinted in its colour and outlined, and unknown pixels striped."""
    palette = np.array([*colors, HATCH], np.float32)
    tint = palette[np.where(labels > 0, labels - 1, len(colors))]
    is_object = labels > 0
    opacity = np.where(is_object, 0.25, 0.0).astype(np.float32)
    opacity[is_object & _has_other_within(labels, 2)] = 1.0
    is_around = ~is_object & _has_other_within(np.maximum(labels, 0), 1)
    tint[is_around], opacity[is_around] = INK, 0.8
    rows, columns = np.indices(labels.shape)
    opacity[(labels == UNKNOWN) & ~is_around & ((rows + columns) % 8 < 4)] = 0.7
    return _blended(image, tint, opacity)


def _has_other_within(labels: LabelMap, reach: int) -> Bool[np.ndarray, "h w"]:
    """A mask of the pixels with another label within `reach` pixels straight up, down, left or right."""
    padded = np.pad(labels, reach, mode="edge")
    height, width = labels.shape
    differs = np.zeros(labels.shape, bool)
    for step in (*range(reach), *range(reach + 1, 2 * reach + 1)):
        differs |= padded[step : step + height, reach : reach + width] != labels
        differs |= padded[reach : reach + height, step : step + width] != labels
    return differs


def _blended(
    image: UInt8[np.ndarray, "h w 3"], tint: Float32[np.ndarray, "h w 3"], opacity: Float32[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "h w 3"]:
    mixed = image + opacity[..., None] * (tint - image)
    return mixed.round().astype(np.uint8)


def _caption(check: MaskCheck, frame: int) -> list[tuple[str, Color]]:
    """The frame's name, and below it the findings."""
    reasons = [
        f"{checked.name}: {found.reason}"
        for checked in check.objects
        for found in checked.suspicions
        if found.frame == frame
    ]
    return [(check.frame_names[frame], INK), *((reason, ALARM) for reason in reasons)]


def _legend(masks: ObjectMasks, check: MaskCheck, colors: list[Color]) -> list[tuple[str, Color]]:
    """Each object's name and colour, and how many frames show it."""
    lines = []
    for checked, color in zip(check.objects, colors, strict=True):
        verdict = ", left out" if checked.verdict else ""
        lines.append((f"{checked.name} ({checked.num_frames}/{check.num_maps}{verdict})", color))
    if len(lines) > MOST_NAMES:
        lines = [*lines[:MOST_NAMES], (f"and {len(lines) - MOST_NAMES} more", INK)]
    return lines


def _title(check: MaskCheck, num_shown: int) -> str:
    suspicious = len(check.suspicious_frames)
    what = f"{suspicious} look wrong (red, first)" if suspicious else "none looks wrong"
    return f"{num_shown} of {check.num_frames} frames, {check.num_maps} of them with masks; {what}"


def _sheet(
    pictures: list[Image.Image], captions: list[list[tuple[str, Color]]], legend: list[tuple[str, Color]], title: str
) -> Image.Image:
    """Title and legend, then the pictures in rows with their captions below."""
    columns = min(COLUMNS, max(len(pictures), 2))
    cell = max([picture.width for picture in pictures], default=THUMBNAIL)
    width = columns * (cell + MARGIN) + MARGIN
    places, legend_bottom = _place_legend(legend, width, MARGIN + LINE + 6)
    rows = [range(start, min(start + columns, len(pictures))) for start in range(0, len(pictures), columns)]
    heights = [max(pictures[i].height + LINE * len(captions[i]) for i in row) + MARGIN for row in rows]
    sheet = Image.new("RGB", (width, legend_bottom + MARGIN + sum(heights)), PAPER)
    draw = ImageDraw.Draw(sheet)
    write_text(draw, (MARGIN, MARGIN), title, INK, width - 2 * MARGIN)
    for (x, y), (text, color) in zip(places, legend, strict=True):
        draw.rectangle((x, y + 3, x + 12, y + 15), fill=color, outline=INK)
        write_text(draw, (x + 18, y), text, INK, width - x - 18 - MARGIN)
    top = legend_bottom + MARGIN
    for row, height in zip(rows, heights, strict=True):
        for column, index in enumerate(row):
            left = MARGIN + column * (cell + MARGIN)
            sheet.paste(pictures[index], (left, top))
            for line, (text, color) in enumerate(captions[index]):
                write_text(draw, (left, top + pictures[index].height + 2 + LINE * line), text, color, cell)
        top += height
    return sheet


def _place_legend(legend: list[tuple[str, Color]], width: int, top: int) -> tuple[list[tuple[int, int]], int]:
    """The position of each entry, wrapped to the width of the sheet, and the bottom of the last line."""
    places, x, y = [], MARGIN, top
    for text, _ in legend:
        length = 18 + min(text_length(text), width // 2) + 2 * MARGIN
        if x > MARGIN and x + length > width:
            x, y = MARGIN, y + LINE
        places.append((x, y))
        x += length
    return places, y + LINE if legend else y
