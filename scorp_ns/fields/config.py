"""Settings of proxy fields and of the Gaussians on their surfaces."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal


@dataclass
class FieldConfig:
    """The resolution at which proxies are stored; lengths are shares of the diagonal of the proxy's box."""

    base_spacing: float = 1 / 64
    """Distance between the points of the dense grid that holds the coarse signed distance."""
    distance_resolutions: tuple[int, ...] = (96, 192)
    """Cells along the field's box of each hash grid that refines the distance near the surface, coarse to fine."""
    color_resolutions: tuple[int, ...] = (24, 48, 96, 192)
    """The same of the hash grids whose sum is the colour."""
    residual_resolutions: tuple[int, ...] = (24, 48, 96)
    """The same of what the photographs change of the colour."""
    log2_table_size: int = 17
    """No hash grid has more than 2 to this power entries; coarse ones have fewer."""
    encoding: Literal["torch", "tcnn"] = "torch"
    """The backend of hash grids: PyTorch anywhere, or tiny-cuda-nn (tcnn) with CUDA.

    It is not chosen by what is installed: the two lay their tables out differently, so a run trained with tcnn opens
    only where there is tcnn and a GPU."""
    num_samples: int = 150_000
    """Points on the surface, and as many near it, that the distance is fitted to; the colour to twice as many on it."""
    fit_steps: int = 2
    """Steps of conjugate gradients per hash grid."""
    gaussians_per_area: float = 12_000.0
    """Surface Gaussians per squared diagonal of surface."""
    gaussian_size: float = 0.45
    """Standard deviation of surface Gaussians along the surface, in the mean distance between them."""
    gaussian_flatness: float = 0.1
    """The same along the normal, as a share of that along the surface."""
    gaussian_opacity: float = 0.9
    """Opacity of surface Gaussians."""
    gaussian_inset: float = 0.006
    """Their depth below the surface, so that they are drawn as wide as the surface and no wider."""
    share_of_wall: float = 0.9
    """They go no further than this share of the way to the middle of a wall."""

    def __post_init__(self) -> None:
        self._check_between("base_spacing", 1 / 512, 0.1)
        self._check_between("log2_table_size", 4, 24)
        self._check_between("num_samples", 1000, 100_000_000)
        self._check_between("fit_steps", 1, 100)
        self._check_between("gaussians_per_area", 100, 1e7)
        self._check_between("gaussian_size", 0.1, 2)
        self._check_between("gaussian_flatness", 1e-4, 1)
        self._check_between("gaussian_opacity", 0.01, 1)
        self._check_between("gaussian_inset", 0, 0.1)
        self._check_between("share_of_wall", 0, 1)
        for name in ("distance_resolutions", "color_resolutions", "residual_resolutions"):
            resolutions = getattr(self, name)
            if not resolutions or min(resolutions) < 2 or any(a >= b for a, b in pairwise(resolutions)):
                raise ValueError(f"proxy.{name} is {resolutions}; it must be growing numbers from 2.")

    def _check_between(self, name: str, low: float | int, high: float | int) -> None:
        """A ValueError if a setting is out of its bounds, or no number."""
        value = getattr(self, name)
        if not low <= value <= high:
            raise ValueError(f"proxy.{name} is {value}; it must be from {low:g} to {high:g}.")
