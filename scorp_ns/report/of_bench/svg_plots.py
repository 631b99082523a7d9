"""Small line plots as SVG, coloured by the page's style sheet: each line has a class of its own."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 300, 210
LEFT, RIGHT, TOP, BOTTOM = 46, 284, 14, 178
"""Where the axes are."""

INSET = 0.14
"""Room left and right of the outer points, as a share of the width."""

LABEL_GAP = 9
CAP = 4
"""Half the width of an error bar's ends."""


@dataclass(frozen=True)
class Line:
    """Values over the places along the x axis; None where there is none."""

    name: str
    values: Sequence[float | None]
    spreads: Sequence[float | None]

    @property
    def reach(self) -> list[float]:
        """Where the values with their spreads begin and end."""
        known = [(v, s or 0.0) for v, s in zip(self.values, self.spreads, strict=True) if v is not None]
        return [value + sign * spread for value, spread in known for sign in (-1, 1)]


def line_plot(title: str, places: Sequence[str], lines: Sequence[Line], bounds: tuple[float, float]) -> str:
    """The plot, with a text that says the same for those who do not see it."""
    low, high = bounds
    steps = nice_steps(low, high)
    digits = max(0, -math.floor(math.log10(steps[1] - steps[0]) + 1e-9)) if len(steps) > 1 else 2
    body = [
        *(_grid_line(step, _y(step, bounds), digits) for step in steps),
        *(
            f'<text class="place" x="{_x(i, len(places)):.1f}" y="{BOTTOM + 20}">{html.escape(place)}</text>'
            for i, place in enumerate(places)
        ),
        *(part for line in lines for part in _drawn(line, lines, bounds, digits + 1)),
    ]
    described = html.escape(f"{title}: {_said(places, lines)}")
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{described}">{"".join(body)}</svg>'


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


def _x(index: int, number: int) -> float:
    share = 0.5 if number == 1 else INSET + (1 - 2 * INSET) * index / (number - 1)
    return LEFT + share * (RIGHT - LEFT)


def _y(value: float, bounds: tuple[float, float]) -> float:
    low, high = bounds
    return BOTTOM - (value - low) / (high - low) * (BOTTOM - TOP)


def _grid_line(value: float, y: float, digits: int) -> str:
    return (
        f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="step" x="{LEFT - 7}" y="{y + 4:.1f}">{value:.{digits}f}</text>'
    )


def _drawn(line: Line, lines: Sequence[Line], bounds: tuple[float, float], digits: int) -> Iterator[str]:
    """Error bars, then the line through the points, then the points with their values."""
    number = len(line.values)
    points = [
        (index, _x(index, number), value, line.spreads[index] or 0.0)
        for index, value in enumerate(line.values)
        if value is not None
    ]
    yield f'<g class="{html.escape(line.name)}">'
    for _, x, value, spread in points:
        if spread:
            top, bottom = _y(value + spread, bounds), _y(value - spread, bounds)
            yield (
                f'<path class="spread" d="M{x:.1f} {top:.1f}V{bottom:.1f}M{x - CAP:.1f} {top:.1f}h{2 * CAP}'
                f'M{x - CAP:.1f} {bottom:.1f}h{2 * CAP}"/>'
            )
    path = " ".join(f"{x:.1f},{_y(value, bounds):.1f}" for _, x, value, _ in points)
    yield f'<polyline points="{path}"/>'
    for index, x, value, spread in points:
        above = all(other.values[index] is None or (other.values[index] or 0) <= value for other in lines)
        end = _y(value + (spread if above else -spread), bounds)
        y = end - LABEL_GAP if above else end + LABEL_GAP + 9
        yield f'<circle cx="{x:.1f}" cy="{_y(value, bounds):.1f}" r="4"/>'
        yield f'<text class="value" x="{x:.1f}" y="{y:.1f}">{value:.{digits}f}</text>'
    yield "</g>"


def _said(places: Sequence[str], lines: Sequence[Line]) -> str:
    return "; ".join(
        f"{line.name} "
        + ", ".join(
            f"{value:.3g} at {place}" for place, value in zip(places, line.values, strict=True) if value is not None
        )
        for line in lines
    )
