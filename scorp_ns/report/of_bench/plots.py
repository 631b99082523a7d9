"""Small line plots, as the template `plot.svg` draws them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Line:
    """Values over the places along the x axis; None where there is none."""

    name: str
    values: Sequence[float | None]
    spreads: Sequence[float | None]

    @property
    def known(self) -> Iterator[tuple[int, float, float]]:
        """Place, value and spread of every known value."""
        for place, (value, spread) in enumerate(zip(self.values, self.spreads, strict=True)):
            if value is not None:
                yield place, value, spread or 0.0

    @property
    def reach(self) -> list[float]:
        """The ends of all error bars."""
        return [value + sign * spread for _, value, spread in self.known for sign in (-1, 1)]


@dataclass(frozen=True)
class Plot:
    """Lines over the same places; `low` and `high` are where the y axis ends."""

    title: str
    places: Sequence[str]
    lines: Sequence[Line]
    low: float
    high: float

    LEFT, RIGHT, TOP, BOTTOM = 46, 284, 14, 178
    """Positions of the axes, in a picture of 300 x 210."""
    INSET = 0.14
    """Room left and right of the outer points, as a share of the width."""
    LABEL_GAP = 9

    @cached_property
    def steps(self) -> list[float]:
        """The round numbers along the y axis."""
        return nice_steps(self.low, self.high)

    def text(self, value: float, finer: int) -> str:
        """A number with the digits that the steps need, and so many more."""
        distance = self.steps[1] - self.steps[0] if len(self.steps) > 1 else 0.01
        return f"{value:.{max(0, -math.floor(math.log10(distance) + 1e-9)) + finer}f}"

    def x(self, place: int) -> float:
        """The x coordinate of a place."""
        number = len(self.places)
        share = 0.5 if number == 1 else self.INSET + (1 - 2 * self.INSET) * place / (number - 1)
        return self.LEFT + share * (self.RIGHT - self.LEFT)

    def y(self, value: float) -> float:
        """The y coordinate of a value."""
        return self.BOTTOM - (value - self.low) / (self.high - self.low) * (self.BOTTOM - self.TOP)

    def points(self, line: Line) -> Iterator[tuple[float, float, float, float]]:
        """The points of a line: x, value, spread, and the y of its label, which keeps clear of the other lines."""
        for place, value, spread in line.known:
            is_top = all((other.values[place] or value) <= value for other in self.lines)
            end = self.y(value + (spread if is_top else -spread))
            yield self.x(place), value, spread, end - self.LABEL_GAP if is_top else end + 2 * self.LABEL_GAP

    @property
    def said(self) -> str:
        """The same for those who do not see the plot."""
        said = (
            f"{line.name} " + ", ".join(f"{value:.3g} at {self.places[place]}" for place, value, _ in line.known)
            for line in self.lines
        )
        return f"{self.title}: {'; '.join(said)}"


def nice_steps(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from low to high."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    return [index * step for index in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def equal_spans(panels: Sequence[Sequence[Line]], least: float) -> list[tuple[float, float]]:
    """Bounds for each panel around its own values, of the same length for all, so that gains compare."""
    reaches = [[value for line in lines for value in line.reach] for lines in panels]
    span = max(least, *(1.35 * (max(reach) - min(reach)) for reach in reaches if reach))
    middles = [(max(reach) + min(reach)) / 2 if reach else 0.0 for reach in reaches]
    return [(middle - span / 2, middle + span / 2) for middle in middles]
