"""All checks of a capture, in the order in which a person would want to hear about faults."""

from __future__ import annotations

from pathlib import Path

from scorp_ns.data.capture.files import UsedFiles, choose_downscale_factor
from scorp_ns.data.capture.images import check_images
from scorp_ns.data.capture.intrinsics import check_distortion, check_intrinsics
from scorp_ns.data.capture.poses import check_poses, check_reference
from scorp_ns.data.capture.reading import Capture, read_capture
from scorp_ns.data.capture.splits import check_all_or_none, check_splits, frames_in_use
from scorp_ns.errors import CaptureError


def check_capture(data: Path, downscale_factor: int | None = None, with_images: bool = True) -> Capture:
    """The capture, if nerfstudio can train on it; else a CaptureError that says what was found, is needed and helps.

    `downscale_factor` is the dataparser's, None for its automatic choice. Without `with_images` no image is opened,
    as a finished scene can be viewed and exported where its images no longer are.
    """
    capture = read_capture(data)
    check_poses(capture)
    check_reference(capture)
    check_intrinsics(capture)
    check_distortion(capture)
    check_all_or_none(capture)
    _check_seed_name(capture)
    if with_images and downscale_factor is None:
        downscale_factor = choose_downscale_factor(capture)
    files = UsedFiles(downscale_factor or 1)
    check_splits(capture, files)
    if with_images:
        check_images(capture, frames_in_use(capture, files), files)
    return capture


def _check_seed_name(capture: Capture) -> None:
    """Returns if the file of seed points, where one is named, is named by a string."""
    name = capture.content.get("ply_file_path", "a name")
    if not isinstance(name, str) or not name:
        raise CaptureError(
            f"'ply_file_path' in {capture.path} is {name!r}.",
            "It must name a PLY file of seed points.",
            "Name one, or remove 'ply_file_path' to start from random points.",
        )
