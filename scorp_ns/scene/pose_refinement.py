"""Poses of proxies that learn: where each started, and how far it has come; through checkpoints as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import Parameter

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.scene.records import VERSION, version_of

NUMBERS = 7
"""Of a change of pose: a turn, a shift, a growth."""

LARGEST = 2.0
"""A change that has come to more than this, in radians, diagonals or powers of e, or to no number, has diverged."""


class PoseRefinement(torch.nn.Module):
    """The poses that learn now. Mostly there are none."""

    changes: Float[Parameter, "k 7"]
    """The change of each pose."""

    def __init__(self) -> None:
        super().__init__()
        self.changes = Parameter(torch.zeros(0, NUMBERS))
        self._starts: dict[str, Similarity] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The objects whose proxies are moving."""
        return tuple(self._starts)

    @property
    def is_open(self) -> bool:
        """Whether any pose is learning."""
        return bool(self._starts)

    def start(self, name: str) -> Similarity:
        """The pose that a proxy started from."""
        return self._starts[name]

    def change(self, name: str) -> Float[Tensor, " 7"]:
        """The change of a proxy's pose."""
        return self.changes[self.names.index(name)]

    @property
    def usable_changes(self) -> Float[Tensor, "k 7"]:
        """The change of each pose; none for those that diverged."""
        return torch.where(self._diverged[:, None], torch.zeros_like(self.changes), self.changes)

    def has_diverged(self, name: str) -> bool:
        """Whether a proxy diverged: what it learned is no pose."""
        return bool(self._diverged[self.names.index(name)])

    @property
    def _diverged(self) -> Bool[Tensor, " k"]:
        return ~(self.changes.abs() <= LARGEST).all(dim=1)

    def begin(self, starts: Mapping[str, Similarity]) -> None:
        """Let poses learn, starting from these."""
        self._starts = dict(starts)
        self._resize(len(starts))

    def end(self) -> None:
        """Let no pose learn any more."""
        self._starts = {}
        self._resize(0)

    def _resize(self, number: int) -> None:
        self.changes.data = torch.zeros(number, NUMBERS).to(self.changes)
        self.changes.grad = None

    def get_extra_state(self) -> dict[str, Any]:
        """The starts, for checkpoints: plain types and tensors only."""
        starts = {name: (one.rotation, one.translation, one.scale) for name, one in self._starts.items()}
        return {"version": VERSION, "starts": starts}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take back what `get_extra_state` gave."""
        version_of(state)
        self._starts = {name: Similarity(*numbers) for name, numbers in state["starts"].items()}

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Make room for as many changes as the checkpoint has; older ones say nothing of them."""
        if (saved := state_dict.get(f"{prefix}changes")) is not None:
            self._resize(len(saved))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
