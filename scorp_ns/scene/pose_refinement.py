"""Which proxies' places are learning, from where, and how far they have come; through checkpoints as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import Parameter

from scorp_ns.gaussians.similarity import Similarity

NUMBERS = 7
"""Of a change of place: a turn, a shift, a swelling."""

LARGEST = 2.0
"""A change that has come to more than this, in radians, diagonals or powers of e, or to no number, has got lost."""


class SceneRefinement(torch.nn.Module):
    """The places that learn now. Mostly there are none."""

    changes: Float[Parameter, "k 7"]
    """How far each has come."""

    def __init__(self) -> None:
        super().__init__()
        self.changes = Parameter(torch.zeros(0, NUMBERS))
        self._starts: dict[str, tuple[Tensor, Tensor, float]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The objects whose proxies are moving."""
        return tuple(self._starts)

    @property
    def is_open(self) -> bool:
        """Whether any place is learning."""
        return bool(self._starts)

    def start(self, name: str) -> Similarity:
        """Where a proxy started from."""
        return Similarity(*self._starts[name])

    def change(self, name: str) -> Float[Tensor, " 7"]:
        """How far a proxy has come."""
        return self.changes[self.names.index(name)]

    @property
    def usable_changes(self) -> Float[Tensor, "k 7"]:
        """How far each has come; nowhere for those that got lost."""
        return torch.where(self._are_lost[:, None], torch.zeros_like(self.changes), self.changes)

    def is_lost(self, name: str) -> bool:
        """Whether a proxy got lost on its way: what it learned is no place."""
        return bool(self._are_lost[self.names.index(name)])

    @property
    def _are_lost(self) -> Bool[Tensor, " k"]:
        return ~(self.changes.abs() <= LARGEST).all(dim=1)

    def begin(self, starts: Mapping[str, Similarity]) -> None:
        """Let places learn from these on."""
        self._starts = {name: (one.rotation, one.translation, one.scale) for name, one in starts.items()}
        self._resize(len(starts))

    def end(self) -> None:
        """Let no place learn any more."""
        self._starts = {}
        self._resize(0)

    def _resize(self, number: int) -> None:
        self.changes.data = torch.zeros(number, NUMBERS).to(self.changes)
        self.changes.grad = None

    def get_extra_state(self) -> dict[str, Any]:
        """What checkpoints hold beside the changes: plain types and tensors only."""
        return {"starts": dict(self._starts)}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take back what `get_extra_state` gave."""
        self._starts = dict(state["starts"])

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Make room for as many changes as the checkpoint has; older ones say nothing of them."""
        if (saved := state_dict.get(f"{prefix}changes")) is not None:
            self._resize(len(saved))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
