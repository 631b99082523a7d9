"""Tables before they become Markdown or HTML, and numbers as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from scorp_ns.report.kit.facts import Number

NOTHING = "–"
"""Stands for what is not known."""

GAP = "\u202f"
"""Between the thousands of a number, where no line breaks."""

LONG = 24
"""Longer texts may be broken into lines."""


@dataclass(frozen=True)
class Cell:
    """One cell of a table."""

    text: str
    before: str = ""
    """The value that the text improves on, where both share the cell."""
    is_best: bool = False
    tone: str = ""
    """`better` or `worse` for changes."""
    share: float | None = None
    """The length of a bar behind the text; 1 for the longest of the table."""
    link: str = ""
    """The link of a head's text."""

    @property
    def long(self) -> str:
        """The class of cells that may be broken into lines."""
        return " long" if len(self.text) > LONG else ""


@dataclass(frozen=True)
class Table:
    """Rows of cells; the first `num_heads` of each say what the row is about."""

    title: str
    note: str
    columns: list[str]
    rows: list[list[Cell]]
    num_heads: int

    @property
    def spanned(self) -> Iterator[tuple[list[Cell], list[int]]]:
        """The rows, with how many rows each head reaches over; 0 where that of a row above reaches on."""
        heads = [[cell.text for cell in row[: self.num_heads]] for row in self.rows]
        spans = [[1] * self.num_heads for _ in heads]
        for column in range(self.num_heads - 1):
            first = 0
            for row in range(1, len(heads)):
                if heads[row][: column + 1] == heads[first][: column + 1]:
                    spans[first][column] += 1
                    spans[row][column] = 0
                else:
                    first = row
        return zip(self.rows, spans, strict=True)


class Tile(NamedTuple):
    """A number that matters, shown large, and what is below it: perhaps a gain in its tone, and words."""

    what: str
    value: str
    below: str
    tone: str = ""
    gain: str = ""


Costs = Mapping[str, Number | None]
"""Seconds or megabytes by stage."""


def cost_table(note: str, times: Mapping[str, Costs], memory: Mapping[str, Costs]) -> Table:
    """Seconds with bars, and megabytes, of each stage by column."""
    stages = list(dict.fromkeys(stage for costs in (*times.values(), *memory.values()) for stage in costs))
    longest = max((seconds or 0.0 for costs in times.values() for seconds in costs.values()), default=0.0)
    rows = [
        [
            Cell(stage),
            *(_time_cell(costs.get(stage), longest) for costs in times.values()),
            *(Cell(memory_text(costs.get(stage))) for costs in memory.values()),
        ]
        for stage in stages
    ]
    return Table("", note, ["stage", *times, *memory], rows, num_heads=1)


def _time_cell(seconds: Number | None, longest: Number) -> Cell:
    return Cell(time_text(seconds), share=None if seconds is None or not longest else seconds / longest)


def shown(value: Number | None, digits: int, spread: Number | None = None) -> str:
    """The number with so many digits, and its spread if it is known."""
    if value is None:
        return NOTHING
    text = f"{value:,.{digits}f}".replace("-", "−").replace(",", GAP)
    return text if spread is None else f"{text} ± {spread:.{digits}f}"


def time_text(seconds: Number | None) -> str:
    """A duration for people."""
    if seconds is None or seconds < 100:
        return shown(seconds, 1) + (" s" if seconds is not None else "")
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def memory_text(megabytes: Number | None) -> str:
    """An amount of memory for people."""
    if megabytes is None or megabytes < 1000:
        return shown(megabytes, 0) + (" MB" if megabytes is not None else "")
    return f"{megabytes / 1000:.1f} GB"
