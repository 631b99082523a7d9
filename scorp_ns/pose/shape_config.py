"""The settings of the step that mends a placed proxy's shape."""

from __future__ import annotations

from dataclasses import dataclass


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
    """How far factors of proxies are off in general: they cost more the further they are beyond that."""
    typical_bend: float = 0.03
    """The same of bends, in diagonals of the proxy."""
    bend_reach: float = 0.35
    """How far apart, in diagonals of the proxy, two places have to be to bend independently; less follows finer bends.

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
