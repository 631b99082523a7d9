"""The composite: which Gaussians are shown before composing and which after, and a record of each object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int8
from torch import Tensor

from scorp_ns.products import ComposedObject, LiftedObject
from scorp_ns.scene.records import VERSION, ComposedRecord, composed_from_state, composed_to_state, version_of

ALWAYS, ONLY_BEFORE, ONLY_AFTER = 0, 1, 2
"""The times at which a Gaussian is part of the scene: lifted ones that go before composing, proxies' after."""

COLORS = ("features_dc", "features_rest")
"""The parameters that go on learning once the scene is composed."""

PER_GAUSSIAN = ("layers", *COLORS)
"""The buffers with one row per Gaussian."""


class SceneComposite(torch.nn.Module):
    """The composed objects of a scene. Empty until one is composed."""

    layers: Int8[Tensor, " n"]
    """ALWAYS, ONLY_BEFORE or ONLY_AFTER."""
    features_dc: Float[Tensor, "n 3"]
    """Colours as they were when the scene was composed."""
    features_rest: Float[Tensor, "n k 3"]
    """The same, of their dependence on the view."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("layers", torch.zeros(0, dtype=torch.int8))
        self.register_buffer("features_dc", torch.zeros(0, 3))
        self.register_buffer("features_rest", torch.zeros(0, 0, 3))
        self._records: dict[str, ComposedRecord] = {}
        self.failures: dict[str, str] = {}
        """Per object that has a proxy and could not be composed, why."""

    @property
    def names(self) -> tuple[str, ...]:
        """The objects that are composed, in the order in which they were."""
        return tuple(self._records)

    @property
    def is_composed(self) -> bool:
        """Whether there is a before and an after, though both may be alike once all objects were taken back."""
        return len(self.layers) > 0

    def record(self, name: str) -> ComposedRecord:
        """The numbers and the evidence of a composed object."""
        return self._records[name]

    def take(self, one: LiftedObject, composed: ComposedObject, parameters: Mapping[str, Tensor]) -> None:
        """Keep a composed object, whose fill is the last of the parameters' rows."""
        number, device = len(composed.fill), self.layers.device
        colors = {name: parameters[name].detach() for name in COLORS}
        total = len(parameters["means"])
        if len(self.layers) == 0:
            self.layers = torch.zeros(total - number, dtype=torch.int8, device=device)
            for name in COLORS:
                setattr(self, name, colors[name][: total - number].clone())
        assert len(self.layers) == total - number
        for name in COLORS:
            setattr(self, name, torch.cat([getattr(self, name), colors[name][total - number :]]))
        self.layers = torch.nn.functional.pad(self.layers, (0, number), value=ONLY_AFTER)
        self.layers[one.indices[~composed.kept.to(one.indices.device)]] = ONLY_BEFORE
        floaters = composed.floaters.to(device)
        self.layers[floaters] = ONLY_BEFORE
        kept, dropped = int(composed.kept.sum()), int((~composed.kept).sum())
        self._records[one.name] = ComposedRecord(kept, dropped, number, dict(composed.evidence), floaters)
        self.failures.pop(one.name, None)

    def fail(self, name: str, reason: str) -> None:
        """Keep the reason why an object is left as it was lifted."""
        self.failures[name] = reason

    def forget_failure(self, name: str) -> None:
        """Forget why an object is left as it was lifted: the name may come to mean another one."""
        self.failures.pop(name, None)

    def forget(self, one: LiftedObject) -> Bool[Tensor, " n"]:
        """Take an object back to what was lifted; which Gaussians remain, as those of its fill have to go."""
        is_its = torch.zeros_like(self.layers, dtype=torch.bool)
        is_its[one.indices] = True
        kept = ~(is_its & (self.layers == ONLY_AFTER))
        if (record := self._records.pop(one.name, None)) is not None:
            is_its[record.floaters] = True
        self.layers[is_its & (self.layers == ONLY_BEFORE)] = ALWAYS
        for other in self._records.values():
            self.layers[other.floaters] = ONLY_BEFORE
        for name in PER_GAUSSIAN:
            setattr(self, name, getattr(self, name)[kept])
        return kept

    def own(self, one: LiftedObject) -> LiftedObject:
        """The object as it was lifted."""
        return self._without(one, ONLY_AFTER)

    def shown(self, one: LiftedObject) -> LiftedObject:
        """The object as it is composed."""
        return self._without(one, ONLY_BEFORE)

    def _without(self, one: LiftedObject, layer: int) -> LiftedObject:
        if len(self.layers) == 0:
            return one
        is_in = self.layers[one.indices] != layer
        return replace(one, indices=one.indices[is_in], visibility=one.visibility[is_in])

    def get_extra_state(self) -> dict[str, Any]:
        """The records and failures, for checkpoints: plain types and tensors only."""
        records = {name: composed_to_state(record) for name, record in self._records.items()}
        return {"version": VERSION, "facts": records, "failures": dict(self.failures)}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take back what `get_extra_state` gave; in version 1 floaters had a place of their own, if any at all."""
        facts, device = state["facts"], self.layers.device
        if version_of(state) == 1:
            none, floaters = torch.zeros(0, dtype=torch.int64), state.get("haze", {})
            facts = {name: {**entry, "floaters": floaters.get(name, none)} for name, entry in facts.items()}
        records = {name: composed_from_state(entry) for name, entry in facts.items()}
        self._records = {name: replace(one, floaters=one.floaters.to(device)) for name, one in records.items()}
        self.failures = state["failures"]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Make room for as many rows as the checkpoint has; the host also loads states that say nothing of them."""
        for name in PER_GAUSSIAN:
            if (saved := state_dict.get(prefix + name)) is not None:
                setattr(self, name, torch.empty_like(saved, device=self.layers.device))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
