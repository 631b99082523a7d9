"""What the model remembers of composing: which of its Gaussians are shown before, which after, and what changed."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int8
from torch import Tensor

from scorp_ns.products import ComposedObject, LiftedObject

ALWAYS, ONLY_BEFORE, ONLY_AFTER = 0, 1, 2
"""When a Gaussian is part of the scene: what was lifted and goes is there before, what comes from proxies after."""

COLORS = ("features_dc", "features_rest")
"""The parameters that go on learning once the scene is composed."""

PER_GAUSSIAN = ("layers", *COLORS)
"""The buffers with one row per Gaussian."""


class SceneComposite(torch.nn.Module):
    """How a scene's objects were composed. Empty until one is."""

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
        self._facts: dict[str, dict[str, Any]] = {}
        self._haze: dict[str, Tensor] = {}
        """Per object, what is hidden for it and belongs to none. Rows of the scene before keep their places."""
        self.failures: dict[str, str] = {}
        """Per object that has a proxy and could not be composed, why."""

    @property
    def names(self) -> tuple[str, ...]:
        """The objects that are composed, in the order in which they were."""
        return tuple(self._facts)

    @property
    def is_composed(self) -> bool:
        """Whether there is a before and an after, though both may be alike once all objects were taken back."""
        return len(self.layers) > 0

    def facts(self, name: str) -> dict[str, Any]:
        """Numbers of Gaussians that were `kept`, `dropped` and `filled`, and `evidence`."""
        return deepcopy(self._facts[name])

    def take(self, one: LiftedObject, composed: ComposedObject, parameters: Mapping[str, Tensor]) -> None:
        """Remember what became of an object, whose fill is the last of the parameters' rows."""
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
        self._haze[one.name] = composed.floaters.to(device)
        self.layers[self._haze[one.name]] = ONLY_BEFORE
        self._facts[one.name] = {
            "kept": int(composed.kept.sum()),
            "dropped": int((~composed.kept).sum()),
            "filled": number,
            "evidence": dict(composed.evidence),
        }
        self.failures.pop(one.name, None)

    def fail(self, name: str, reason: str) -> None:
        """Remember why an object is left as it was lifted."""
        self.failures[name] = reason

    def forget_failure(self, name: str) -> None:
        """Forget why an object is left as it was lifted: the name may come to mean another one."""
        self.failures.pop(name, None)

    def forget(self, one: LiftedObject) -> Bool[Tensor, " n"]:
        """Take an object back to what was lifted; which Gaussians remain, as those of its fill have to go."""
        is_its = torch.zeros_like(self.layers, dtype=torch.bool)
        is_its[one.indices] = True
        kept = ~(is_its & (self.layers == ONLY_AFTER))
        is_its[self._haze.pop(one.name, one.indices[:0])] = True
        self.layers[is_its & (self.layers == ONLY_BEFORE)] = ALWAYS
        for others in self._haze.values():
            self.layers[others] = ONLY_BEFORE
        for name in PER_GAUSSIAN:
            setattr(self, name, getattr(self, name)[kept])
        self._facts.pop(one.name, None)
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
        """What checkpoints hold beside the buffers: plain types and tensors only."""
        return {"facts": deepcopy(self._facts), "failures": dict(self.failures), "haze": dict(self._haze)}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take back what `get_extra_state` gave."""
        self._facts, self.failures = state["facts"], state["failures"]
        self._haze = {name: places.to(self.layers.device) for name, places in state.get("haze", {}).items()}

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Make room for as many rows as the checkpoint has; the host also loads states that say nothing of them."""
        for name in PER_GAUSSIAN:
            if (saved := state_dict.get(prefix + name)) is not None:
                setattr(self, name, torch.empty_like(saved, device=self.layers.device))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
