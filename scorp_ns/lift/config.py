"""Settings of lifting: the Gaussians that belong to an object, and its best views."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class LiftConfig:
    """Settings of lifting objects out of the scene."""

    min_share: float = 0.6
    """Least share of a Gaussian's votes, smoothed among its neighbours, that an object needs to own it; 0.5 to 1."""
    min_opacity: float = 0.1
    """Gaussians fainter than this belong to no object."""
    min_gaussians: int = 30
    """An object of fewer Gaussians is reported and left as it is."""
    min_island: float = 0.05
    """Parts of an object that hang on nothing else of it and hold less of its votes than this are dropped."""
    max_views: int = 4
    """Most views of an object that are shown to a generator."""
    crop_margin: float = 0.1
    """Free border around an object in its crops, as a share of the crop's side."""
    min_crop_pixels: int = 10_000
    """Crops of fewer pixels are enlarged to this."""

    def __post_init__(self) -> None:
        if not 0.5 <= self.min_share < 1:
            raise ValueError(f"lift.min_share is {self.min_share}; it must be 0.5 or more and less than 1.")
        if not 0 <= self.min_opacity < 1:
            raise ValueError(f"lift.min_opacity is {self.min_opacity}; it must be 0 or more and less than 1.")
        if self.min_gaussians < 4:
            raise ValueError(f"lift.min_gaussians is {self.min_gaussians}; a box needs at least 4.")
        if not 0 <= self.min_island < 1:
            raise ValueError(f"lift.min_island is {self.min_island}; it must be 0 or more and less than 1.")
        if self.max_views < 1:
            raise ValueError(f"lift.max_views is {self.max_views}; it must be 1 or more.")
        if not 0 <= self.crop_margin < 0.45:
            raise ValueError(f"lift.crop_margin is {self.crop_margin}; it must be 0 or more and less than 0.45.")
        if self.min_crop_pixels < 1:
            raise ValueError(f"lift.min_crop_pixels is {self.min_crop_pixels}; it must be 1 or more.")
