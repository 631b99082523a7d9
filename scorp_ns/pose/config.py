"""The settings of the search for a pose, and of the step that then mends the proxy's shape."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ShapeConfig:
    """By how much a proxy may be stretched and bent to agree with the photographs, once its place is found."""

    stretch: bool = True
    """Whether its proportions may change: by one factor along each of three directions, which are free as well."""
    bend: bool = True
    """Whether it may be bent smoothly where photographs show it, by a coarse lattice; after the stretch, if any."""
    least_factor: float = 0.75
    """No direction becomes shorter than by this factor."""
    most_factor: float = 1.5
    """No direction becomes longer than by this factor."""
    typical_stretch: float = 0.03
    """The usual error of proxies' proportions; larger stretches cost more."""
    typical_bend: float = 0.03
    """The same of bends, in diagonals of the proxy."""
    bend_reach: float = 0.35
    """The correlation length of bends, in diagonals of the proxy; a shorter one follows finer bends.

    What lies further than that from all that was seen stays as it is.
    """
    least_gain: float = 0.03
    """A new shape is taken if photographs that it was not fitted to disagree with it less, by at least this share."""
    least_sights: int = 6
    """With fewer photographs of an object its proxy keeps its shape, as too few would be left to judge a new one."""

    def __post_init__(self) -> None:
        if not 0.1 <= self.least_factor <= 1 <= self.most_factor <= 10:
            raise ValueError(
                f"place.shape.least_factor is {self.least_factor} and most_factor {self.most_factor}; "
                "they must be from 0.1 to 1 and from 1 to 10."
            )
        for name, low, high in (
            ("typical_stretch", 1e-4, 1.0),
            ("typical_bend", 1e-4, 1.0),
            ("bend_reach", 0.1, 2.0),
            ("least_gain", 0.0, 1.0),
            ("least_sights", 4, 1000),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"place.shape.{name} is {value}; it must be from {low:g} to {high:g}.")


@dataclass(frozen=True)
class SearchConfig:
    """Settings of the search for a pose, and of its acceptance."""

    num_rotations: int = 3000
    """Rotations of the grid over all of them; 3000 are 18 degrees apart."""
    num_azimuths: int = 24
    """Turns about the vertical that are tried with the proxy on each of its resting faces."""
    num_resting_faces: int = 10
    """Resting faces that are tried where a support is known; 0 for none."""
    smallest_scale: float = 0.5
    """Smallest diagonal of the proxy's box, in diagonals of the boxes around its masks."""
    largest_scale: float = 3.0
    """Largest diagonal of the proxy's box, in diagonals of the boxes around its masks."""
    num_sights: int = 16
    """Photographs that the search looks at, as different ones as there are; the final comparison looks at more."""
    num_fitted: int = 300
    """Rotations whose poses are fitted to points and outlines."""
    num_compared: int = 24
    """Poses that look different, whose renders are compared with the photographs."""
    num_polished: int = 4
    """Poses that are fitted once more, with all the evidence."""
    least_explained: float = 0.88
    """A pose is believed if the proxy covers at least this share of the masks.

    For this and what follows, rims of masks may be off by a pixel, which counts as 1 to 3 % of the object's size."""
    most_spill: float = 0.15
    """A pose is believed if the proxy covers at most so much free space, as a share of the masks."""
    most_distance: float = 0.03
    """A pose is believed if the seen surface is at most this far from the proxy's, in diagonals; trimmed mean."""
    least_margin: float = 0.05
    """A pose is believed if the best one that looks different costs more by at least this share."""
    least_turn_margin: float = 0.15
    """A pose is believed if turning it about the vertical to where anything looks different costs so much more.

    With 0 nothing is turned to be compared."""
    most_cost: float = 0.5
    """A pose is believed if it costs at most this, or stands out by `clear_margin`: of all that is wrong together."""
    clear_margin: float = 0.25
    """A pose that costs more is believed if the best one that looks different costs more still by this share."""
    least_parallax_deg: float = 5.0
    """A pose is believed if photographs from directions this far apart show the object: one view tells no distance."""
    seed: int = 0
    """Decides which points and pixels are looked at."""
    shape: ShapeConfig = field(default_factory=ShapeConfig)
    """The deformation of the proxy's shape once its pose is found."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("num_rotations", 1, 1_000_000),
            ("num_azimuths", 1, 10_000),
            ("num_resting_faces", 0, 10_000),
            ("num_sights", 1, 1000),
            ("num_fitted", 1, 1_000_000),
            ("num_compared", 1, 10_000),
            ("num_polished", 1, self.num_compared),
            ("smallest_scale", 1e-3, 1.0),
            ("largest_scale", 1.0, 1e3),
            ("least_explained", 0.0, 1.0),
            ("most_spill", 0.0, 1e3),
            ("most_distance", 0.0, 1e3),
            ("least_margin", 0.0, 1e3),
            ("least_turn_margin", 0.0, 1e3),
            ("most_cost", 0.0, 1e3),
            ("clear_margin", 0.0, 1e3),
            ("least_parallax_deg", 0.0, 180.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"place.{name} is {value}; it must be from {low:g} to {high:g}.")
