"""The interface of sources of object masks: their request and their settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from scorp_ns.products import ObjectMasks

Size = tuple[int, int]
"""Width and height in pixels."""


def ignore_warning(message: str) -> None:
    """Does nothing with a warning."""


@dataclass(frozen=True)
class Frame:
    """An image whose object masks are wanted."""

    image_path: Path
    """The image file in use, absolute."""
    name: str
    """The image as the capture calls it: 'images/0001.jpg', or 'cam0/0001.jpg'."""
    width: int
    """Of the image file in use, in pixels."""
    height: int
    """Of the image file in use, in pixels."""

    @property
    def size(self) -> Size:
        """Width and height of the image file in use."""
        return self.width, self.height


@dataclass(frozen=True)
class MaskRequest:
    """The images of a run, and the places to search for their object masks."""

    data: Path
    """The capture's folder, or the .json file in it that names the frames."""
    frames: tuple[Frame, ...]
    """The frames for training and for evaluation; masks come in the same order."""
    masks_path: Path | None = None
    """The user's path to the masks; None to search the capture."""
    valid_pixel_masks: frozenset[Path] = frozenset()
    """nerfstudio's masks of valid pixels, absolute; folders that hold them hold no object masks."""
    warn: Callable[[str], None] = ignore_warning
    """Takes warnings for the user; the run goes on."""

    @property
    def folder(self) -> Path:
        """The capture's folder."""
        return self.data.parent if self.data.is_file() else self.data


@runtime_checkable
class MaskSourceConfig(Protocol):
    """The settings of a source of object masks: a dataclass, also when it comes from another package."""

    def build(self, request: MaskRequest) -> ObjectMasks | None:
        """The masks, one reader per frame of the request; None where there are no object masks."""
        ...
