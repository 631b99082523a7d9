"""What the model remembers of its objects' proxies, also through checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, fields, replace
from threading import Event, RLock
from typing import Any

import torch

from scorp_ns.fields.config import FieldConfig
from scorp_ns.fields.proxy_field import ProxyField
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.generate.generator import Work, ignore_warning
from scorp_ns.products import Proxy, TunedColors


class ProxyShape(torch.nn.Module):
    """What of a proxy is made of tensors."""

    def __init__(self, field: ProxyField, gaussians: Gaussians) -> None:
        super().__init__()
        self.field = field
        for part in fields(Gaussians):
            self.register_buffer(part.name, getattr(gaussians, part.name))

    def gaussians(self) -> Gaussians:
        """The proxy's surface."""
        return Gaussians(**{part.name: getattr(self, part.name) for part in fields(Gaussians)})


PERSON = "person"
"""Who accepted a place, or told where to search for it, if it was somebody at the viewer."""


@dataclass(frozen=True)
class RunningWork:
    """The proxy that is being generated now."""

    name: str
    cancelled: Event
    """Setting it stops the work."""
    share: float = 0.0
    """How much is done, as far as that is known."""
    text: str = ""
    """What is being done."""


class SceneProxies(torch.nn.Module):
    """The proxies of a scene's objects. Empty until they are generated."""

    place: torch.Tensor
    """Empty, and on the device where proxies belong."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("place", torch.zeros(0), persistent=False)
        self.shapes = torch.nn.ModuleDict()
        """By a number that checkpoints can name; names of objects may be any text."""
        self._facts: dict[str, dict[str, Any]] = {}
        self.failures: dict[str, str] = {}
        """Per object that has no proxy, why."""
        self.rejected: set[str] = set()
        """The objects that shall keep what was lifted of them, as somebody decided."""
        self.makers: dict[str, str] = {}
        """The generators that somebody chose for objects, in place of those that the run was started with."""
        self.is_proposed = False
        """Whether the stage that generates proxies is behind, with or without any."""
        self.running: RunningWork | None = None
        self.listeners: list[Callable[[], None]] = []
        """Whom to tell when proxies come or go, or work on one begins or ends."""
        self._lock = RLock()

    @property
    def names(self) -> tuple[str, ...]:
        """The objects that have a proxy, in the order in which these came."""
        return tuple(self._facts)

    def take(self, proxy: Proxy, seconds: float) -> None:
        """Remember a proxy and what it cost, in place of an earlier one of the object."""
        with self._lock:
            key = self._facts.get(proxy.name, {}).get("key") or self._free_key()
            self.shapes[key] = ProxyShape(proxy.field, proxy.gaussians).to(self.place.device)
            self._facts[proxy.name] = _facts_of(proxy, key) | {"seconds": seconds}
            self.failures.pop(proxy.name, None)
        self._tell()

    def reshape(self, proxy: Proxy) -> None:
        """Remember the new shape of a proxy, and what is known of it; where it stands is another matter."""
        with self._lock:
            facts = self._facts[proxy.name]
            self.shapes[facts["key"]] = ProxyShape(proxy.field, proxy.gaussians).to(self.place.device)
            new = _facts_of(proxy, facts["key"])
            self._facts[proxy.name] = facts | {key: new[key] for key in ("field", "evidence", "notes")}
        self._tell()

    def forget(self, name: str) -> None:
        """Forget the proxy of an object, and all that was decided about it: the name may come to mean another one."""
        with self._lock:
            facts = self._facts.pop(name, None)
            if facts is not None:
                del self.shapes[facts["key"]]
            self.failures.pop(name, None)
            self.rejected.discard(name)
            self.makers.pop(name, None)
        self._tell()

    def fail(self, name: str, reason: str) -> None:
        """Remember why an object has no proxy; an earlier one stays."""
        self.failures[name] = reason
        self._tell()

    def proxy(self, name: str) -> Proxy:
        """The proxy of the object with this name."""
        facts = self._facts[name]
        shape = self._shape(facts["key"])
        return Proxy(
            name=name,
            field=shape.field,
            gaussians=shape.gaussians(),
            T_world_proxy=_pose(facts["pose"]),
            T_asset_proxy=Similarity(*facts["asset"]),
            T_world_start=_pose(facts["start"]),
            made_by=facts["made_by"],
            evidence=dict(facts["evidence"]),
            notes=tuple(facts["notes"]),
            license=facts["license"],
        )

    def seconds(self, name: str) -> float:
        """How long it took to make the proxy of the object with this name."""
        return self._facts[name]["seconds"]

    def proxies(self) -> tuple[Proxy, ...]:
        """All proxies."""
        return tuple(self.proxy(name) for name in self.names)

    def settle(self, name: str, T_world_proxy: Similarity, confidence: Mapping[str, float]) -> None:
        """Remember where a proxy belongs, and what speaks for that."""
        place = {"pose": _numbers(T_world_proxy), "confidence": dict(confidence), "misplaced": None}
        self._facts[name] |= place | {"refused": None, "accepted_by": None, "tuned": None}
        self._tell()

    def tune(self, name: str, tuned: TunedColors) -> None:
        """Take over colours that match the photographs, as long as the proxy stands where it does."""
        with self._lock:
            shape = ProxyShape(tuned.field, tuned.gaussians).to(self.place.device)
            self.shapes[self._facts[name]["key"]] = shape
            self._facts[name]["tuned"] = {"color_map": tuned.color_map, "evidence": dict(tuned.evidence)}
        self._tell()

    def leave_untuned(self, name: str, reason: str) -> None:
        """Remember why a proxy keeps the colours that were generated."""
        self._facts[name]["tuned"] = {"failed": reason}

    def is_tried(self, name: str) -> bool:
        """Whether the proxy's colours were tuned for its place, or could not be."""
        return self.tuned(name) is not None

    def tuned(self, name: str) -> Mapping[str, Any] | None:
        """The `color_map` and the `evidence` of tuning the proxy's colours, or why that `failed`; None before it."""
        return deepcopy(self._facts[name].get("tuned"))

    def accept(self, name: str, T_world_proxy: Similarity) -> None:
        """Remember where somebody put a proxy for good."""
        self.settle(name, T_world_proxy, {})
        self._facts[name]["accepted_by"] = PERSON
        self._tell()

    def start_from(self, name: str, T_world_start: Similarity) -> None:
        """Forget where a proxy belongs, and remember where somebody believes that it does."""
        start = {"start": _numbers(T_world_start), "started_by": PERSON}
        place = {"pose": None, "confidence": {}, "misplaced": None, "refused": None, "accepted_by": None}
        self._facts[name] |= start | place
        self._tell()

    @contextmanager
    def keeping_place(self, name: str) -> Iterator[None]:
        """Give a proxy its place back if it has none when the block ends, but keep why not until then."""
        before = dict(self._facts[name])
        try:
            yield
        finally:
            if not self.is_placed(name) and before["pose"] is not None:
                self._facts[name] = before
                self._tell()

    def accepted_by(self, name: str) -> str | None:
        """PERSON if somebody put the proxy where it is, which nothing but their own wish may change."""
        return self._facts[name].get("accepted_by")

    def started_by(self, name: str) -> str | None:
        """PERSON if somebody told where to search for the place of the proxy."""
        return self._facts[name].get("started_by")

    def reject(self, name: str) -> None:
        """Remember that an object shall keep what was lifted of it."""
        self.rejected.add(name)
        self._tell()

    def restore(self, name: str) -> None:
        """Forget that an object was rejected."""
        self.rejected.discard(name)
        self._tell()

    def give_up(
        self, name: str, reason: str, confidence: Mapping[str, float], T_world_refused: Similarity | None
    ) -> None:
        """Remember why nobody knows where a proxy belongs, and where it would fit best."""
        self._facts[name] |= {"pose": None, "confidence": dict(confidence), "misplaced": reason}
        self._facts[name] |= {"refused": _numbers(T_world_refused), "accepted_by": None}
        self._tell()

    def is_placed(self, name: str) -> bool:
        """Whether the place of the proxy is known."""
        return self._facts[name]["pose"] is not None

    def misplaced(self, name: str) -> str | None:
        """Why nobody knows where the proxy belongs; None if it has its place, or nobody has searched."""
        return self._facts[name].get("misplaced")

    def refused(self, name: str) -> Similarity | None:
        """The best place that was found for a proxy and is not believed; None if there is no such place."""
        return _pose(self._facts[name].get("refused"))

    def confidence(self, name: str) -> Mapping[str, float]:
        """What speaks for or against the place that was found for the proxy; nothing if none was searched."""
        return dict(self._facts[name].get("confidence", {}))

    @contextmanager
    def at_work(
        self,
        name: str,
        report: Callable[[float | None, str], None],
        warn: Callable[[str], None] = ignore_warning,
    ) -> Iterator[Work]:
        """The work on the proxy of an object, which people see and may stop; `report` hears of its progress as well."""
        running = RunningWork(name, Event())

        def progress(share: float | None, text: str) -> None:
            self.running = replace(running, share=share or 0.0, text=text)
            report(share, text)
            self._tell()

        self.running = running
        self._tell()
        try:
            yield Work(progress, running.cancelled, warn)
        finally:
            self.running = None
            self._tell()

    def _tell(self) -> None:
        for listener in self.listeners:
            listener()

    def _shape(self, key: str) -> ProxyShape:
        shape = self.shapes[key]
        assert isinstance(shape, ProxyShape)
        return shape

    def _free_key(self) -> str:
        return str(1 + max([0, *map(int, self.shapes)]))

    def get_extra_state(self) -> dict[str, Any]:
        """What checkpoints hold beside the tensors: plain types and tensors only."""
        return {
            "facts": deepcopy(self._facts),
            "failures": dict(self.failures),
            "is_proposed": self.is_proposed,
            "rejected": sorted(self.rejected),
            "makers": dict(self.makers),
        }

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take back what `get_extra_state` gave."""
        self._facts, self.failures, self.is_proposed = state["facts"], state["failures"], state["is_proposed"]
        # Older checkpoints know nothing of people's decisions.
        self.rejected, self.makers = set(state.get("rejected", ())), dict(state.get("makers", {}))
        self._tell()

    def _save_to_state_dict(self, *args: Any, **kwargs: Any) -> None:
        """Save shapes and facts that belong together."""
        with self._lock:
            super()._save_to_state_dict(*args, **kwargs)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Make room for the proxies that the checkpoint has; the host also loads states that say nothing of them."""
        state = state_dict.get(f"{prefix}_extra_state")
        if state is not None:
            self.shapes.clear()
            for facts in state["facts"].values():
                shape = _saved_shape(state_dict, f"{prefix}shapes.{facts['key']}.", facts["field"])
                self.shapes[facts["key"]] = shape.to(self.place.device)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _facts_of(proxy: Proxy, key: str) -> dict[str, Any]:
    """What is known of a proxy apart from its shape, in types that any checkpoint can hold."""
    return {
        "key": key,
        "field": asdict(proxy.field.config),
        "pose": _numbers(proxy.T_world_proxy),
        "asset": _numbers(proxy.T_asset_proxy),
        "start": _numbers(proxy.T_world_start),
        "made_by": proxy.made_by,
        "evidence": dict(proxy.evidence),
        "notes": list(proxy.notes),
        "license": proxy.license,
    }


def _numbers(pose: Similarity | None) -> tuple[torch.Tensor, torch.Tensor, float] | None:
    return None if pose is None else (pose.rotation, pose.translation, pose.scale)


def _pose(numbers: tuple[torch.Tensor, torch.Tensor, float] | None) -> Similarity | None:
    return None if numbers is None else Similarity(*numbers)


def _saved_shape(state_dict: dict[str, Any], prefix: str, config: dict[str, Any]) -> ProxyShape:
    """The shape that is saved under the prefix."""
    saved = {name.removeprefix(prefix): value for name, value in state_dict.items() if name.startswith(prefix)}
    gaussians = Gaussians(**{part.name: saved[part.name] for part in fields(Gaussians)})
    of_field = {name.removeprefix("field."): value for name, value in saved.items() if name.startswith("field.")}
    return ProxyShape(ProxyField.from_state(of_field, FieldConfig(**config)), gaussians)
