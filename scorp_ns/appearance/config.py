"""Settings of tuning a proxy's colours to the photographs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class TuneConfig:
    """The changes that a proxy's colours may undergo."""

    iterations: int = 80
    """Steps of fitting what one colour map for the whole object leaves; 0 leaves it at the map."""
    learning_rate: float = 0.01
    """Size of these steps, in colours from 0 to 1."""
    reach: float = 0.05
    """The residual fitted where photographs look fades out within this share of the diagonal from there."""
    even_exposure: bool = True
    """Let photographs be brighter or darker than each other."""

    def __post_init__(self) -> None:
        if self.iterations < 0:
            raise ValueError(f"tune.iterations is {self.iterations}; it must be 0 or more.")
        if not 0 < self.learning_rate <= 1:
            raise ValueError(f"tune.learning_rate is {self.learning_rate}; it must be more than 0 and at most 1.")
        if not 0 < self.reach <= 1:
            raise ValueError(f"tune.reach is {self.reach}; it must be more than 0 and at most 1.")
