"""Settings of composing an object from its own Gaussians and those of its proxy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass
class ComposeConfig:
    """The parts of the proxy that replace parts of the object."""

    mode: Literal["blend", "replace", "keep"] = "blend"
    """`blend` fills in what was not photographed, `replace` takes the whole proxy, `keep` leaves the scene as it is."""
    tolerance: float = 0.03
    """A proxy's point is where the scene has its surface if it is no further off than this share of the diagonal."""
    least_denials: int = 2
    """A proxy's point is left out if this many photographs say that it is not there."""
    well_seen: float = 0.2
    """Lifted Gaussians that showed some photograph this share of themselves stay, whatever the proxy says."""
    overreach: float = 0.08
    """Lifted Gaussians that stand out of the proxy by more than this share of its diagonal are left out.

    Where they are all outside, and photographs need them, they are parts that the proxy lacks, and stay."""
    objection: float = 0.05
    """The proxy's Gaussians go again where photographs are truer without them, by this much per pixel that shows them.

    It is a difference of colours, each from 0 to 1, summed over the three of them."""

    haze: float = 0.15
    """Floaters this near to the proxy, as a share of its size, of no object and hardly seen, are left out."""
    haze_seen: float = 0.35
    """Gaussians that showed a photograph this share of themselves are no floaters, nor are those photographs need."""

    def __post_init__(self) -> None:
        if not 0 < self.tolerance < 1:
            raise ValueError(f"compose.tolerance is {self.tolerance}; it must lie between 0 and 1.")
        if self.least_denials < 1:
            raise ValueError(f"compose.least_denials is {self.least_denials}; it must be 1 or more.")
        if not 0 <= self.well_seen <= 1:
            raise ValueError(f"compose.well_seen is {self.well_seen}; it must lie between 0 and 1.")
        if not self.objection >= 0:
            raise ValueError(f"compose.objection is {self.objection}; it must be 0 or more.")
        if not self.overreach > 0:
            raise ValueError(f"compose.overreach is {self.overreach}; it must be more than 0.")
        if not self.haze >= 0:
            raise ValueError(f"compose.haze is {self.haze}; it must be 0 or more.")
        if not 0 <= self.haze_seen <= 1:
            raise ValueError(f"compose.haze_seen is {self.haze_seen}; it must lie between 0 and 1.")
