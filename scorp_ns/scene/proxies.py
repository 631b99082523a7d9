"""The proxies of a scene's objects: their shapes, and a record of each, also through checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from threading import RLock
from typing import Any

import torch

from scorp_ns.fields.config import FieldConfig
from scorp_ns.fields.proxy_field import ProxyField
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import Proxy, TunedColors
from scorp_ns.scene.records import (
    VERSION,
    NotTuned,
    Placed,
    Placement,
    ProxyRecord,
    SearchStart,
    Tuned,
    Unplaced,
    proxy_from_state,
    proxy_to_state,
    version_of,
)


class StoredShape(torch.nn.Module):
    """A proxy's tensors."""

    def __init__(self, field: ProxyField, gaussians: Gaussians) -> None:
        super().__init__()
        self.field = field
        for part in fields(Gaussians):
            self.register_buffer(part.name, getattr(gaussians, part.name))

    def gaussians(self) -> Gaussians:
        """The proxy's surface."""
        return Gaussians(**{part.name: getattr(self, part.name) for part in fields(Gaussians)})


class SceneProxies(torch.nn.Module):
    """The proxies of a scene's objects. Empty until they are generated."""

    place: torch.Tensor
    """Empty, and on the device where proxies belong."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("place", torch.zeros(0), persistent=False)
        self.shapes = torch.nn.ModuleDict()
        """By the keys of records."""
        self._records: dict[str, ProxyRecord] = {}
        self.failures: dict[str, str] = {}
        """Per object that has no proxy, why."""
        self.rejected: set[str] = set()
        """The objects that shall keep what was lifted of them, as a person decided."""
        self.makers: dict[str, str] = {}
        """The generators that a person chose for objects, in place of those that the run was started with."""
        self.is_proposed = False
        """Whether the stage that generates proxies is behind, with or without any."""
        self.listeners: list[Callable[[], None]] = []
        """Called when proxies come, go or change."""
        self._lock = RLock()

    @property
    def names(self) -> tuple[str, ...]:
        """The objects that have a proxy, in the order in which these came."""
        return tuple(self._records)

    def record(self, name: str) -> ProxyRecord:
        """The proxy of the object with this name, apart from its shape."""
        return self._records[name]

    def pose(self, name: str) -> Similarity | None:
        """The pose of the proxy; None if it has none."""
        placement = self._records[name].placement
        return placement.pose if isinstance(placement, Placed) else None

    def proxy(self, name: str) -> Proxy:
        """The proxy of the object with this name."""
        record = self._records[name]
        shape = self.shapes[record.key]
        assert isinstance(shape, StoredShape)
        return Proxy(
            name=name,
            field=shape.field,
            gaussians=shape.gaussians(),
            T_world_proxy=self.pose(name),
            T_asset_proxy=record.T_asset_proxy,
            T_world_start=None if record.start is None else record.start.pose,
            made_by=record.made_by,
            evidence=dict(record.evidence),
            notes=record.notes,
            license=record.license,
        )

    def proxies(self) -> tuple[Proxy, ...]:
        """All proxies."""
        return tuple(self.proxy(name) for name in self.names)

    def take(self, proxy: Proxy, seconds: float) -> None:
        """Keep a proxy and the time that it took, in place of an earlier one of the object."""
        with self._lock:
            known = self._records.get(proxy.name)
            key = self._free_key() if known is None else known.key
            self._store(key, proxy.field, proxy.gaussians)
            pose, start = proxy.T_world_proxy, proxy.T_world_start
            self._records[proxy.name] = ProxyRecord(
                key=key,
                field=proxy.field.config,
                T_asset_proxy=proxy.T_asset_proxy,
                made_by=proxy.made_by,
                seconds=seconds,
                evidence=dict(proxy.evidence),
                notes=proxy.notes,
                license=proxy.license,
                placement=Unplaced() if pose is None else Placed(pose, {}, "generator"),
                start=None if start is None else SearchStart(start, by_person=False),
            )
            self.failures.pop(proxy.name, None)
        self.notify()

    def reshape(self, proxy: Proxy) -> None:
        """Keep the new shape of a proxy, and the evidence for it; its pose is another matter."""
        with self._lock:
            self._store(self._records[proxy.name].key, proxy.field, proxy.gaussians)
            evidence, notes = dict(proxy.evidence), proxy.notes
            self._change(proxy.name, field=proxy.field.config, evidence=evidence, notes=notes)
        self.notify()

    def tune(self, name: str, tuned: TunedColors) -> None:
        """Keep colours that match the photographs, as long as the proxy stands where it does."""
        with self._lock:
            self._store(self._records[name].key, tuned.field, tuned.gaussians)
            self._change(name, tuning=Tuned(tuned.color_map, dict(tuned.evidence)))
        self.notify()

    def leave_untuned(self, name: str, reason: str) -> None:
        """Keep the reason why a proxy has the colours that were generated."""
        self._change(name, tuning=NotTuned(reason))

    def set_placement(self, name: str, placement: Placement) -> None:
        """Keep where a proxy stands, or why it does not; in another pose it has to be tuned anew."""
        tuning = None if isinstance(placement, Placed) else self._records[name].tuning
        self._change(name, placement=placement, tuning=tuning)
        self.notify()

    def start_from(self, name: str, T_world_start: Similarity) -> None:
        """Forget where a proxy stands, and keep where a person believes that it does."""
        self._change(name, placement=Unplaced(), start=SearchStart(T_world_start, by_person=True))
        self.notify()

    @contextmanager
    def keeping_pose(self, name: str) -> Iterator[None]:
        """Give a proxy its pose back if it has none when the block ends, but keep why not until then."""
        before = self._records[name]
        try:
            yield
        finally:
            if self.pose(name) is None and isinstance(before.placement, Placed):
                self._records[name] = before
                self.notify()

    def fail(self, name: str, reason: str) -> None:
        """Keep the reason why an object has no proxy; an earlier one stays."""
        self.failures[name] = reason
        self.notify()

    def reject(self, name: str) -> None:
        """Let an object keep what was lifted of it."""
        self.rejected.add(name)
        self.notify()

    def restore(self, name: str) -> None:
        """Forget that an object was rejected."""
        self.rejected.discard(name)
        self.notify()

    def forget(self, name: str) -> None:
        """Forget the proxy of an object, and all decisions about it: the name may come to mean another one."""
        with self._lock:
            record = self._records.pop(name, None)
            if record is not None:
                del self.shapes[record.key]
            self.failures.pop(name, None)
            self.rejected.discard(name)
            self.makers.pop(name, None)
        self.notify()

    def notify(self) -> None:
        """Call the listeners, as proxies changed."""
        for listener in self.listeners:
            listener()

    def _change(self, name: str, **changes: Any) -> None:
        self._records[name] = replace(self._records[name], **changes)

    def _store(self, key: str, field: ProxyField, gaussians: Gaussians) -> None:
        self.shapes[key] = StoredShape(field, gaussians).to(self.place.device)

    def _free_key(self) -> str:
        return str(1 + max([0, *map(int, self.shapes)]))

    def get_extra_state(self) -> dict[str, Any]:
        """The records and decisions, for checkpoints: plain types and tensors only."""
        return {
            "version": VERSION,
            "facts": {name: proxy_to_state(record) for name, record in self._records.items()},
            "failures": dict(self.failures),
            "is_proposed": self.is_proposed,
            "rejected": sorted(self.rejected),
            "makers": dict(self.makers),
        }

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take back what `get_extra_state` gave; the oldest checkpoints know nothing of people's decisions."""
        version = version_of(state)
        self._records = {name: proxy_from_state(facts, version) for name, facts in state["facts"].items()}
        self.failures, self.is_proposed = state["failures"], state["is_proposed"]
        self.rejected, self.makers = set(state.get("rejected", ())), dict(state.get("makers", {}))
        self.notify()

    def _save_to_state_dict(self, *args: Any, **kwargs: Any) -> None:
        """Save shapes and records that belong together."""
        with self._lock:
            super()._save_to_state_dict(*args, **kwargs)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Make room for the proxies that the checkpoint has; the host also loads states that say nothing of them."""
        state = state_dict.get(f"{prefix}_extra_state")
        if state is not None:
            version_of(state)
            self.shapes.clear()
            for facts in state["facts"].values():
                shape = _saved_shape(state_dict, f"{prefix}shapes.{facts['key']}.", FieldConfig(**facts["field"]))
                self.shapes[facts["key"]] = shape.to(self.place.device)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _saved_shape(state_dict: dict[str, Any], prefix: str, config: FieldConfig) -> StoredShape:
    """The shape that is saved under the prefix."""
    saved = {name.removeprefix(prefix): value for name, value in state_dict.items() if name.startswith(prefix)}
    gaussians = Gaussians(**{part.name: saved[part.name] for part in fields(Gaussians)})
    of_field = {name.removeprefix("field."): value for name, value in saved.items() if name.startswith("field.")}
    return StoredShape(ProxyField.from_state(of_field, config), gaussians)
