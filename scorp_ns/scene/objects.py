"""The lifted objects of a scene: the label of each Gaussian and a record of each object, through checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import RLock
from typing import Any

import torch
from jaxtyping import Float, Int16
from torch import Tensor

from scorp_ns.products import LiftedObject, LiftedScene, ObjectView, PickedObject
from scorp_ns.scene.picks import Pick
from scorp_ns.scene.records import VERSION, LiftedRecord, lifted_from_state, lifted_to_state, version_of

PER_GAUSSIAN = ("labels", "votes", "visibility")
"""The buffers with one row per Gaussian."""

PREFIX = "objects_"
"""Marks them among the state of gsplat's strategies, which copies and removes rows with the Gaussians'."""


class SceneObjects(torch.nn.Module):
    """The lifted objects of a scene. Empty until objects are lifted or picked."""

    labels: Int16[Tensor, " n"]
    votes: Float[Tensor, "n labels"]
    visibility: Float[Tensor, " n"]

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("labels", torch.zeros(0, dtype=torch.int16))
        self.register_buffer("votes", torch.zeros(0, 1))
        self.register_buffer("visibility", torch.zeros(0))
        self._records: dict[str, LiftedRecord] = {}
        self.failures: dict[str, str] = {}
        self.is_lifted = False
        """Whether the stage that lifts objects is behind, with or without any."""
        self.views: dict[str, tuple[ObjectView, ...]] = {}
        """The photographs that show objects best, of those that were lifted in this process."""
        self.listeners: list[Callable[[], None]] = []
        """Called when objects come or go."""
        # Clicks come from other threads than training.
        self._lock = RLock()

    def take(self, lifted: LiftedScene) -> None:
        """Remember what lifting found. Objects that were picked before stay, without what belongs to others now."""
        with self._lock:
            picked = {name: record for name, record in self._records.items() if record.pick is not None}
            old_labels, old_votes = self.labels, self.votes
            for name in PER_GAUSSIAN:
                setattr(self, name, getattr(lifted, name).to(self.labels.device))
            self._records = {one.name: _record_of(one, None) for one in lifted.objects}
            self.failures = dict(lifted.failures)
            self.views = {**self.views, **lifted.views}
            self.is_lifted = True
            for name, record in picked.items():
                if name not in self._records:
                    self._keep(name, record, old_labels == record.label, old_votes[:, record.label])
        self.notify()

    def _keep(self, name: str, record: LiftedRecord, is_own: Tensor, votes: Tensor) -> None:
        label = self.votes.shape[1]
        self.votes = torch.cat([self.votes, votes[:, None]], dim=1)
        self.labels[is_own & (self.labels == 0)] = label
        self._records[name] = replace(record, label=label)

    def add(self, picked: PickedObject, pick: Pick) -> None:
        """Remember an object that was found by a click, in place of one with its name."""
        one, device = picked.object, self.labels.device
        with self._lock:
            if len(self.labels) == 0:
                self.labels = torch.zeros(len(picked.visibility), dtype=torch.int16, device=device)
                self.votes = torch.zeros(len(picked.visibility), 1, device=device)
                self.visibility = picked.visibility.to(device)
            self._forget(one.name)
            # New tensors: a checkpoint that is being written holds the old ones.
            rows, column = one.indices.to(device), torch.tensor([one.label], device=device)
            missing = one.label + 1 - self.votes.shape[1]
            votes = torch.nn.functional.pad(self.votes, (0, max(0, missing)))
            self.votes = votes.index_copy(1, column, picked.votes.to(votes)[:, None])
            self.labels = self.labels.index_fill(0, rows, one.label)
            # Its own only: in a composed scene, what others have only before shows nothing any more.
            visibility = picked.visibility.to(self.visibility)
            self.visibility = self.visibility.index_copy(0, rows, visibility[rows])
            self._records[one.name] = _record_of(one, pick)
            self.failures.pop(one.name, None)
            self.views[one.name] = picked.views
        self.notify()

    def adopt(self, label: int, visibility: Float[Tensor, " m"]) -> None:
        """Give the last Gaussians, which are so visible, to the object with this label."""
        with self._lock:
            others = len(self.labels) - len(visibility)
            self.labels = torch.nn.functional.pad(self.labels[:others], (0, len(visibility)), value=label)
            self.visibility = torch.cat([self.visibility[:others], visibility.to(self.visibility)])
        self.notify()

    def remove(self, name: str) -> None:
        """Forget an object; its Gaussians belong to none."""
        with self._lock:
            self._forget(name)
        self.notify()

    def _forget(self, name: str) -> None:
        if name in self._records:
            # A new tensor: a checkpoint that is being written holds the old one.
            self.labels = self.labels.index_fill(0, self.indices(name), 0)
            del self._records[name]
            self.views.pop(name, None)

    def notify(self) -> None:
        """Call the listeners, as objects changed; the composite has to be whole by then."""
        for listener in self.listeners:
            listener()

    def label_for(self, name: str, num_masks: int) -> int:
        """A label for an object, after those of so many objects with masks and those of the others."""
        return max([num_masks, *(record.label for other, record in self._records.items() if other != name)]) + 1

    @property
    def picks(self) -> tuple[Pick, ...]:
        """The clicks that objects were found by, in the order of their labels."""
        return tuple(record.pick for record in self._records.values() if record.pick is not None)

    @contextmanager
    def following(self, strategy_state: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """A strategy's state that carries our rows along; they are taken back when the block ends."""
        has_rows = len(self.labels) > 0
        if has_rows:
            strategy_state.update({PREFIX + name: getattr(self, name) for name in PER_GAUSSIAN})
        try:
            yield strategy_state
        finally:
            if has_rows:
                for name in PER_GAUSSIAN:
                    setattr(self, name, strategy_state.pop(PREFIX + name))

    @property
    def names(self) -> tuple[str, ...]:
        """The lifted objects, in the order of their labels."""
        return tuple(self._records)

    def record(self, name: str) -> LiftedRecord:
        """The object with this name as it was lifted, apart from its Gaussians."""
        return self._records[name]

    def indices(self, name: str) -> Tensor:
        """The Gaussians of the object with this name."""
        return torch.nonzero(self.labels == self._records[name].label)[:, 0]

    def objects(self) -> tuple[LiftedObject, ...]:
        """The lifted objects as they are now; one that lost all its Gaussians since is left out."""
        return tuple(one for name in self.names if (one := self.object(name)) is not None)

    def object(self, name: str) -> LiftedObject | None:
        """The object with this name as it is now; None if it lost all its Gaussians."""
        indices, record = self.indices(name), self._records[name]
        if len(indices) == 0:
            return None
        return LiftedObject(
            name=name,
            label=record.label,
            indices=indices,
            visibility=self.visibility[indices],
            frame=record.frame,
            support=record.support,
            visible_shares=record.visible_shares,
            mask_iou=record.mask_iou,
        )

    def get_extra_state(self) -> dict[str, Any]:
        """The records and failures, for checkpoints: plain types and tensors only."""
        return {
            "version": VERSION,
            "facts": {name: lifted_to_state(record) for name, record in self._records.items()},
            "failures": dict(self.failures),
            "is_lifted": self.is_lifted,
        }

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take back what `get_extra_state` gave; whoever loads the composite as well notifies the listeners then."""
        version_of(state)
        self._records = {name: lifted_from_state(facts) for name, facts in state["facts"].items()}
        self.failures, self.is_lifted = state["failures"], state["is_lifted"]

    def _save_to_state_dict(self, *args: Any, **kwargs: Any) -> None:
        """Save rows and facts that belong together."""
        with self._lock:
            super()._save_to_state_dict(*args, **kwargs)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Make room for as many rows as the checkpoint has."""
        for name in PER_GAUSSIAN:
            if (saved := state_dict.get(prefix + name)) is not None:
                setattr(self, name, torch.empty_like(saved, device=self.labels.device))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _record_of(one: LiftedObject, pick: Pick | None) -> LiftedRecord:
    return LiftedRecord(one.label, one.frame, one.support, dict(one.visible_shares), one.mask_iou, pick)
