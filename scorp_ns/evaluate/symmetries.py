"""Turns after which an object looks the same, and the smallest turn that is left modulo all of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import torch
from jaxtyping import Float64
from torch import Tensor

MOST_ORDER = 360
"""Turns by less than a degree are as good as any turn."""

SAME = 1e-6
"""Largest difference of two rotation matrices that are one."""


@dataclass(frozen=True)
class Symmetry:
    """An axis through the object's centre, and how many equal turns about it make a whole one."""

    axis: tuple[float, float, float]
    """A direction of any length but 0, in the capture frame, where the true object stands."""
    order: int | None
    """The object looks the same after 1 / order of a turn; None where it does after any turn: a body of revolution."""

    def __post_init__(self) -> None:
        assert 0 < math.hypot(*self.axis) < math.inf
        assert self.order is None or 1 <= self.order <= MOST_ORDER

    @property
    def direction(self) -> Float64[Tensor, " 3"]:
        """The axis at length 1."""
        return torch.tensor(self.axis, dtype=torch.float64) / math.hypot(*self.axis)


@dataclass(frozen=True)
class SymmetryGroup:
    """All turns that symmetries make together; an OverflowError where the finite ones make more than MOST_ORDER."""

    symmetries: tuple[Symmetry, ...] = ()

    def __post_init__(self) -> None:
        assert self._is_ball or len(self._steps)

    def remaining_degrees(self, rotation: Float64[Tensor, "3 3"]) -> float:
        """The smallest angle of the rotation after any turn of the group, 0 to 180."""
        if self._is_ball:
            return 0.0
        turned = rotation @ self._steps
        if self._revolution is None:
            return math.degrees(float(_angles(turned).min()))
        return math.degrees(float(_tilts(turned, self._revolution).min()))

    @cached_property
    def _revolution(self) -> Float64[Tensor, " 3"] | None:
        """The axis of revolution, if there is one."""
        return next((one.direction for one in self.symmetries if one.order is None), None)

    @cached_property
    def _is_ball(self) -> bool:
        """Whether the turns make up all there are: one of them takes an axis of revolution to another place."""
        if self._revolution is None:
            return False
        quarter = math.pi / 2
        turns = [
            _turn(one.direction, quarter if one.order is None else math.tau / one.order) for one in self.symmetries
        ]
        return any(float((turn @ self._revolution).cross(self._revolution, dim=0).norm()) > SAME for turn in turns)

    @cached_property
    def _steps(self) -> Float64[Tensor, "k 3 3"]:
        """The turns of finite order, and all that they make together."""
        generators = [_turn(one.direction, math.tau / one.order) for one in self.symmetries if one.order is not None]
        found = [torch.eye(3, dtype=torch.float64)]
        newest = found
        while newest:
            newest = _new_ones([turn @ known for known, turn in product(newest, generators)], found)
            found = found + newest
            if len(found) > MOST_ORDER:
                raise OverflowError("Turns about these axes make ever more turns.")
        return torch.stack(found)


def _new_ones(candidates: list[Tensor], known: list[Tensor]) -> list[Tensor]:
    """Those of the candidates that are not known, each once."""
    new: list[Tensor] = []
    for candidate in candidates:
        if all(float((candidate - other).abs().max()) > SAME for other in known + new):
            new.append(candidate)
    return new


def _turn(axis: Float64[Tensor, " 3"], angle: float) -> Float64[Tensor, "3 3"]:
    """The rotation by an angle about a unit axis (Rodrigues)."""
    cross = torch.linalg.cross(axis.expand(3, 3), torch.eye(3, dtype=torch.float64)).T
    return torch.eye(3, dtype=torch.float64) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def _angles(rotations: Float64[Tensor, "k 3 3"]) -> Float64[Tensor, " k"]:
    """By how much rotations turn, exact near 0 and near half a turn."""
    skew = rotations - rotations.mT
    sine = torch.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]], dim=1).norm(dim=1)
    return torch.atan2(sine, rotations.diagonal(dim1=1, dim2=2).sum(dim=1) - 1)


def _tilts(rotations: Float64[Tensor, "k 3 3"], axis: Float64[Tensor, " 3"]) -> Float64[Tensor, " k"]:
    """By how much they turn at least, when any turn about the axis may come first: by how much they tilt the axis."""
    tilted = rotations @ axis
    return torch.atan2(torch.linalg.cross(tilted, axis.expand_as(tilted)).norm(dim=1), tilted @ axis)
