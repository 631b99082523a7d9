"""The plan of a bench: all that decides its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from pathlib import Path

from scorp_ns.errors import ScorpError
from scorp_ns.messages import all_of, did_you_mean
from scorp_ns.run.stage import moments

LAST_STAGES = ("scene", *moments())
"""The stages that a bench may end with: the scene's training, and those with a moment of their own."""


@dataclass(frozen=True)
class Refinement:
    """One way to go on from a trained scene."""

    generator: str = "symmetry"
    """The generator of proxies."""
    mode: str = "blend"
    """The mode of composing."""

    @property
    def label(self) -> str:
        """Its name for people and folders."""
        return f"{self.generator}_{self.mode}"


@dataclass(frozen=True)
class BenchPlan:
    """Everything that decides the figures of a bench."""

    data: Path
    output: Path
    missing: tuple[Fraction, ...]
    """Shares of the circle that are withheld."""
    seeds: tuple[int, ...]
    method: str
    iterations: int | None
    """Length of each training run; None for the method's own."""
    objects: tuple[str, ...]
    """Names of the objects to measure; none for all."""
    stop_after: str
    """The last stage that is run and measured."""
    generators: tuple[str, ...] = ("symmetry",)
    """The generators of proxies; every one goes on from the same trained scene."""
    modes: tuple[str, ...] = ("blend",)
    """The modes of composing; likewise."""
    assets: Path | None = None
    """The folder of the generator `asset`."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Further settings of the generator, by name."""
    compare_with: tuple[Path, ...] = ()
    """Reports of other benches, to be shown beside this one's."""

    def __post_init__(self) -> None:
        if self.stop_after not in LAST_STAGES:
            raise ScorpError(
                f"--stop-after is '{self.stop_after}'.",
                f"It names the last stage to run: {all_of(LAST_STAGES)}.",
                did_you_mean([self.stop_after], LAST_STAGES),
            )

    @property
    def refinements(self) -> tuple[Refinement, ...]:
        """All ways to go on from the scene that are compared; the first trains the scene for all."""
        modes = self.modes if self.composes else self.modes[:1]
        generators = self.generators if self.proposes else self.generators[:1]
        return tuple(Refinement(*pair) for pair in product(generators, modes))

    @property
    def lifts(self) -> bool:
        """Whether objects are lifted, without which only whole images can be measured."""
        return self._reaches("lift")

    @property
    def proposes(self) -> bool:
        """Whether proxies are generated."""
        return self._reaches("propose")

    @property
    def composes(self) -> bool:
        """Whether objects are put together with their proxies."""
        return self._reaches("compose")

    @property
    def left_out(self) -> tuple[str, ...]:
        """The moments of stages that are not run."""
        return LAST_STAGES[LAST_STAGES.index(self.stop_after) + 1 :]

    def _reaches(self, stage: str) -> bool:
        return stage not in self.left_out


def parse_share(text: str) -> Fraction:
    """A share of the circle as people write it: `4/5` or `0.8`."""
    try:
        share = Fraction(text).limit_denominator(100)
    except (ValueError, ZeroDivisionError) as error:
        raise _no_share(text) from error
    if not 0 < share < 1:
        raise _no_share(text)
    return share


def _no_share(text: str) -> ScorpError:
    return ScorpError(
        f"--missing got '{text}'.", "It takes shares of the circle, such as 2/3 or 0.8, between 0 and 1.", "Correct it."
    )
