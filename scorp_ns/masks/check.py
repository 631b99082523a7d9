"""A check of object masks: counts per object, suspicious frames, and objects that must be left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len

from scorp_ns.masks.matching import distinct_images
from scorp_ns.masks.measuring import FrameMeasure, measure_frame
from scorp_ns.masks.parallel import map_files
from scorp_ns.masks.source import Frame
from scorp_ns.masks.suspicion import Suspicion, find_suspicions
from scorp_ns.messages import SHOWN, counted, some_of
from scorp_ns.products import ObjectMasks

MOST_LINES = 20
"""Objects that are listed one by one."""

WHOLE_IMAGE = 0.95
"""A mask that covers more than this share of what other objects leave, in every frame that shows it, is no object..."""

HALF_IMAGE = 0.5
"""...if it also covers more than this share of them: small objects may well share an image between them."""


@dataclass(frozen=True)
class ObjectCheck:
    """Counts and findings for one object's masks."""

    name: str
    num_frames: int
    """Frames that show it."""
    num_missing: int
    """Frames that have a map and do not show it."""
    num_cut: int
    """Frames whose border cuts it."""
    mean_area: float
    """Its share of the pixels of a frame that shows it; 0 if none does."""
    suspicions: tuple[Suspicion, ...]
    """Frames in which its mask is probably wrong."""
    verdict: str | None
    """The reason to leave it out; None if it can stay."""


@dataclass(frozen=True)
class MaskCheck:
    """Counts and findings for all objects' masks."""

    objects: tuple[ObjectCheck, ...]
    """In the order of their labels."""
    num_frames: int
    """Different images; a run may have the same for training and for evaluation."""
    num_maps: int
    """Frames that have a map."""
    frame_names: tuple[str, ...]
    masks: ObjectMasks
    """The masks without the objects that must be left out."""

    @property
    def suspicious_frames(self) -> list[int]:
        """Frames in which some mask is probably wrong, in order."""
        return sorted({suspicion.frame for checked in self.objects for suspicion in checked.suspicions})

    def report_lines(self) -> list[str]:
        """A table for the terminal, then the warnings."""
        return [*_table(self), *self.warning_lines()]

    def warning_lines(self) -> list[str]:
        """Warnings, most severe first."""
        return [*_left_out(self), *_suspicious(self)]


def check_masks(masks: ObjectMasks, frames: Sequence[Frame]) -> MaskCheck:
    """The check of all masks, which reads every map and a small copy of every image."""
    assert len(frames) == len(masks.readers)
    images = distinct_images(frames)
    mapped = [index for index in images if masks.readers[index]]
    measures: list[FrameMeasure | None] = [None] * len(frames)

    def measure(index: int) -> None:
        reader = masks.readers[index]
        assert reader is not None
        measures[index] = measure_frame(reader, frames[index])

    map_files(measure, mapped, "Checking object masks")
    suspicions = find_suspicions(measures, [info.name for info in masks.objects])
    known = [measure for measure in measures if measure is not None]
    objects = tuple(_check_object(masks, label, known, suspicions) for label in range(1, len(masks.objects) + 1))
    left_out = {checked.name for checked in objects if checked.verdict}
    kept = masks.without(left_out) if left_out else masks
    return MaskCheck(objects, len(images), len(mapped), tuple(frame.name for frame in frames), kept)


def _check_object(
    masks: ObjectMasks, label: int, measures: Sequence[FrameMeasure], suspicions: Sequence[Suspicion]
) -> ObjectCheck:
    info = masks.objects[label - 1]
    shares, shares_of_rest, num_cut = [], [], 0
    for measure in measures:
        for row in np.flatnonzero(measure.labels == label):
            area = float(measure.areas[row])
            shares.append(area / measure.num_pixels)
            shares_of_rest.append(area / (measure.num_pixels - measure.areas.sum() + area))
            num_cut += int(measure.is_cut[row])
    verdict = None
    if not shares and info.box is None:
        verdict = f"it has no pixel in any of {counted(len(measures), 'map')}"
    elif shares and min(shares_of_rest) > WHOLE_IMAGE and min(shares) > HALF_IMAGE:
        rest = "all" if len(masks.objects) == 1 else "all that other objects leave"
        verdict = f"it covers {rest} in {counted(len(shares), 'frame')}, and is in no other"
    own = tuple(suspicion for suspicion in suspicions if suspicion.label == label)
    mean_area = sum(shares) / len(shares) if shares else 0.0
    return ObjectCheck(info.name, len(shares), len(measures) - len(shares), num_cut, mean_area, own, verdict)


def _table(check: MaskCheck) -> list[str]:
    """A line for each object under a line of headings."""
    rows = [("object", "frames", "missing", "cut", "mean area", "suspicious")]
    for checked in check.objects:
        frames, area = f"{checked.num_frames}/{check.num_maps}", f"{checked.mean_area:.2%}"
        numbers = (str(number or "-") for number in (checked.num_missing, checked.num_cut, len(checked.suspicions)))
        missing, cut, suspicious = numbers
        rows.append((printable(checked.name), frames, missing, cut, area, suspicious))
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(_padded(row, widths)).rstrip() for row in rows]


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Cells with names left-aligned and numbers right-aligned, also with wide letters."""
    spaces = [" " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True)]
    return [row[0] + spaces[0], *(space + text for space, text in zip(spaces[1:], row[1:], strict=True))]


def _left_out(check: MaskCheck) -> list[str]:
    return [
        f"'{printable(checked.name)}' is left out: {checked.verdict}. Check its masks, or its name or prompt."
        for checked in check.objects
        if checked.verdict
    ]


def _suspicious(check: MaskCheck) -> list[str]:
    """A line for each object with suspicious frames, and one for frames without a map."""
    lines = []
    suspicious = [checked for checked in check.objects if checked.suspicions]
    for checked in suspicious[:MOST_LINES]:
        shown = checked.suspicions[:SHOWN]
        examples = "; ".join(f"{check.frame_names[found.frame]} ({printable(found.reason)})" for found in shown)
        more = f"; and {len(checked.suspicions) - SHOWN} more" if len(checked.suspicions) > SHOWN else ""
        lines.append(f"'{printable(checked.name)}' looks wrong in {examples}{more}.")
    if len(suspicious) > MOST_LINES:
        lines.append(f"So do {len(suspicious) - MOST_LINES} other objects.")
    unknown = {name: None for name, reader in zip(check.frame_names, check.masks.readers, strict=True) if not reader}
    if unknown and check.num_maps:
        lines.append(f"{counted(len(unknown), 'frame')} of {check.num_frames} have no masks: {some_of(unknown)}.")
    return lines


def printable(name: str) -> str:
    """The name with unprintable characters escaped."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in name)
