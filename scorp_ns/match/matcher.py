"""The interface of feature matchers, their matches and settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, UInt8


@dataclass(frozen=True)
class Matches:
    """Corresponding places of two pictures."""

    first: Float64[np.ndarray, "n 2"]
    """Column and row in the first picture; the middle of its first pixel is (0.5, 0.5)."""
    second: Float64[np.ndarray, "n 2"]
    """Column and row in the second picture."""
    scores: Float64[np.ndarray, " n"]
    """The confidence of each match, 0 to 1."""

    def __post_init__(self) -> None:
        assert len(self.first) == len(self.second) == len(self.scores)

    @classmethod
    def none(cls) -> Matches:
        """No matches."""
        return cls(np.empty((0, 2)), np.empty((0, 2)), np.empty(0))

    def __len__(self) -> int:
        return len(self.scores)


@runtime_checkable
class Matcher(Protocol):
    """Finds corresponding places of two pictures."""

    @property
    def knows_turns(self) -> bool:
        """True if it also matches pictures that are turned against each other; others get four turns of each render."""
        ...

    def match(self, first: UInt8[np.ndarray, "h w 3"], second: UInt8[np.ndarray, "k l 3"]) -> Matches:
        """The matches between two sRGB pictures; a MatchingError says why there can be none."""
        ...


@runtime_checkable
class MatcherConfig(Protocol):
    """The settings of a matcher: a dataclass, also when it comes from another package."""

    def build(self) -> Matcher:
        """The matcher; a ScorpError if these settings cannot work."""
        ...
