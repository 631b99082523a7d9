"""What the model remembers of its objects: whose each Gaussian is, through densification and checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float, Int16
from torch import Tensor

from scorp_ns.products import LiftedObject, LiftedScene, ObjectFrame, Support

PER_GAUSSIAN = ("labels", "votes", "visibility")
"""The buffers with one row per Gaussian."""

PREFIX = "objects_"
"""Marks them among the state of gsplat's strategies, which copies and removes rows with the Gaussians'."""


class SceneObjects(torch.nn.Module):
    """The lifted objects of a scene. Empty until objects are lifted."""

    labels: Int16[Tensor, " n"]
    votes: Float[Tensor, "n labels"]
    visibility: Float[Tensor, " n"]

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("labels", torch.zeros(0, dtype=torch.int16))
        self.register_buffer("votes", torch.zeros(0, 1))
        self.register_buffer("visibility", torch.zeros(0))
        self._facts: dict[str, dict[str, Any]] = {}
        self.failures: dict[str, str] = {}
        self.is_lifted = False

    def take(self, lifted: LiftedScene) -> None:
        """Remember what lifting found."""
        for name in PER_GAUSSIAN:
            setattr(self, name, getattr(lifted, name).to(self.labels.device))
        self._facts = {one.name: _facts_of(one) for one in lifted.objects}
        self.failures = dict(lifted.failures)
        self.is_lifted = True

    @contextmanager
    def following(self, strategy_state: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """A strategy's state that carries our rows along; they are taken back when the block ends."""
        if self.is_lifted:
            strategy_state.update({PREFIX + name: getattr(self, name) for name in PER_GAUSSIAN})
        try:
            yield strategy_state
        finally:
            if self.is_lifted:
                for name in PER_GAUSSIAN:
                    setattr(self, name, strategy_state.pop(PREFIX + name))

    @property
    def names(self) -> tuple[str, ...]:
        """The lifted objects, in the order of their labels."""
        return tuple(self._facts)

    def objects(self) -> tuple[LiftedObject, ...]:
        """The lifted objects as they are now; one that lost all its Gaussians since is left out."""
        return tuple(one for name in self.names if (one := self._object(name)) is not None)

    def indices(self, name: str) -> Tensor:
        """The Gaussians of the object with this name."""
        return torch.nonzero(self.labels == self._facts[name]["label"])[:, 0]

    def _object(self, name: str) -> LiftedObject | None:
        indices, facts = self.indices(name), self._facts[name]
        if len(indices) == 0:
            return None
        support = facts["support"]
        return LiftedObject(
            name=name,
            label=facts["label"],
            indices=indices,
            visibility=self.visibility[indices],
            frame=ObjectFrame(*facts["frame"]),
            support=None if support is None else Support(*support),
            visible_shares=facts["visible_shares"],
            mask_iou=facts["mask_iou"],
        )

    def get_extra_state(self) -> dict[str, Any]:
        """What checkpoints hold beside the buffers: plain types and tensors only."""
        return {"facts": self._facts, "failures": self.failures, "is_lifted": self.is_lifted}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take back what `get_extra_state` gave."""
        self._facts, self.failures, self.is_lifted = state["facts"], state["failures"], state["is_lifted"]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Make room for as many rows as the checkpoint has."""
        for name in PER_GAUSSIAN:
            if (saved := state_dict.get(prefix + name)) is not None:
                setattr(self, name, torch.empty_like(saved, device=self.labels.device))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _facts_of(one: LiftedObject) -> dict[str, Any]:
    """What is known of an object apart from its Gaussians, in types that any checkpoint can hold."""
    return {
        "label": one.label,
        "frame": (one.frame.rotation, one.frame.center, one.frame.extent),
        "support": None if one.support is None else (one.support.point, one.support.up),
        "visible_shares": dict(one.visible_shares),
        "mask_iou": one.mask_iou,
    }
