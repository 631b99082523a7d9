"""The image files that nerfstudio will open for a capture, after its own choice of a downscaled copy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from scorp_ns.data.capture.reading import Capture

MAX_AUTO_RESOLUTION = 1600
"""nerfstudio looks for smaller copies of images with more pixels than this on their longer side."""


@dataclass(frozen=True)
class UsedFiles:
    """File names in a capture, as they are at one downscale factor."""

    downscale_factor: int

    def name(self, file_path: str, prefix: str = "images_") -> str:
        """The file in use for a `file_path`, relative to the capture: nerfstudio's `images_2/0001.png` and the like."""
        if self.downscale_factor > 1:
            return f"{prefix}{self.downscale_factor}/{Path(file_path).name}"
        return str(Path(file_path))


def choose_downscale_factor(capture: Capture) -> int:
    """The power of two that nerfstudio settles on by itself: down to 1600 pixels, as far as smaller copies exist.

    Only the first image is looked at; 1 where it cannot be opened, for the checks that follow to report.
    """
    file_path = capture.frames[0]["file_path"]
    factor = 1
    try:
        with Image.open(capture.folder / file_path) as image:
            longer_side = max(image.size)
        while longer_side / factor > MAX_AUTO_RESOLUTION:
            if not (capture.folder / UsedFiles(2 * factor).name(file_path)).exists():
                break
            factor *= 2
    except (OSError, ValueError):
        return 1
    return factor
