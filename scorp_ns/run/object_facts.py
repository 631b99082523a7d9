"""What a run knows of its objects, as its report says it: what each stage made of each of them, and why not more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.report.of_run.outcome import outcome_of
from scorp_ns.report.of_run.schema import ACCEPTED, DONE, FAILED, REJECTED, SKIPPED, STAGES
from scorp_ns.run.lifting import capture_to_world

if TYPE_CHECKING:
    from scorp_ns.data.datamanager import ScorpDataManager
    from scorp_ns.model import ScorpModel

Facts = dict[str, Any]
"""A part of the report."""

EARLIER = "An earlier stage has nothing to go on with."
LOST = "Training removed all of its Gaussians after it was lifted."
NOT_YET = "The run ended before its time came."
REJECTION = "Somebody decided at the viewer that it keeps what was lifted of it."
"""Why a stage has done nothing, or has nothing left."""


class ObjectFacts:
    """The stages of every object, from what the model remembers."""

    def __init__(
        self, model: ScorpModel, datamanager: ScorpDataManager, seconds: Mapping[str, Mapping[str, float]]
    ) -> None:
        self._objects, self._proxies = model.scene_objects, model.scene_proxies
        self._composite = model.scene_composite
        self._mode = model.config.compose.mode
        self._to_capture = capture_to_world(datamanager).inverse()
        self._seconds = seconds
        check = datamanager.mask_check
        self._checks = {} if check is None else {one.name: one for one in check.objects}
        self._frames = () if check is None else check.frame_names
        self._boxed = set() if check is None else {info.name for info in check.masks.objects if info.box is not None}
        self._own = {one.name: self._composite.own(one) for one in self._objects.objects()}

    @property
    def names(self) -> tuple[str, ...]:
        """All objects that anybody has spoken of: those of the masks first."""
        return tuple(dict.fromkeys([*self._checks, *self._objects.names, *self._objects.failures]))

    def of(self, name: str) -> Facts:
        """What the report says of one object."""
        stages = {
            "masks": self._masks(name),
            "lift": self._lift(name),
            "propose": self._propose(name),
            "place": self._place(name),
            "tune": self._tune(name),
            "compose": self._compose(name),
        }
        reached = [stage for stage in STAGES if stages[stage]["state"] == DONE]
        facts = {"reached": reached[-1] if reached else "nothing", "outcome": outcome_of(stages), **stages}
        decision = self._decision(name)
        return facts if decision is None else {"decision": decision} | facts

    def _decision(self, name: str) -> str | None:
        """What somebody decided at the viewer."""
        store = self._proxies
        if name in store.rejected:
            return REJECTED
        return ACCEPTED if name in store.names and store.accepted_by(name) is not None else None

    def _timed(self, stage: str, name: str) -> Facts:
        seconds = self._seconds.get(name, {}).get(stage)
        return {} if seconds is None else {"seconds": seconds}

    def _masks(self, name: str) -> Facts:
        check = self._checks.get(name)
        if check is None:
            return {"state": SKIPPED, "reason": "The object was picked by a click.", "origin": "click"}
        facts: Facts = {"origin": "box" if name in self._boxed and not check.num_frames else "masks"}
        facts |= {"frames": check.num_frames, "missing": check.num_missing, "cut": check.num_cut}
        facts["mean_area"] = check.mean_area
        facts["suspicious"] = [{"frame": self._frames[one.frame], "reason": one.reason} for one in check.suspicions]
        return {"state": DONE} | facts if check.verdict is None else _failed(check.verdict) | facts

    def _lift(self, name: str) -> Facts:
        one = self._own.get(name)
        if one is None:
            reason = LOST if name in self._objects.names else self._objects.failures.get(name)
            return _skipped(NOT_YET) if reason is None else _failed(reason)
        views = self._objects.views.get(name, ())
        facts: Facts = {"gaussians": len(one.indices), "mean_visibility": float(one.visibility.mean())}
        facts |= {"mask_iou": one.mask_iou, "has_support": one.support is not None}
        return {"state": DONE} | facts | {"photographs": [view.name for view in views]}

    def _propose(self, name: str) -> Facts:
        store = self._proxies
        if name not in store.names:
            reason = store.failures.get(name)
            return (_skipped(self._missing(name)) if reason is None else _failed(reason)) | self._timed("propose", name)
        proxy = store.proxy(name)
        facts: Facts = {"state": DONE, "made_by": proxy.made_by, "gaussians": len(proxy.gaussians)}
        facts |= {"evidence": dict(proxy.evidence), "notes": list(proxy.notes), "seconds": store.seconds(name)}
        facts |= {} if proxy.license is None else {"license": proxy.license}
        if name in store.failures:
            facts["reason"] = f"It was not made anew, the earlier one stays. {store.failures[name]}"
        return facts

    def _place(self, name: str) -> Facts:
        store = self._proxies
        if name not in store.names:
            return _skipped(self._missing(name))
        confidence, pose = store.confidence(name), store.proxy(name).T_world_proxy
        facts = self._timed("place", name) | ({"confidence": dict(confidence)} if confidence else {})
        reason = store.misplaced(name)
        if reason is not None:
            return _failed(reason) | self._pose(store.refused(name)) | {"by": "search"} | facts
        if pose is None:
            return _skipped(NOT_YET)
        told_by = store.accepted_by(name) or ("search" if confidence else "generator")
        return {"state": DONE, "by": told_by} | self._pose(pose) | facts

    def _pose(self, T_world_proxy: Similarity | None) -> Facts:
        if T_world_proxy is None:
            return {}
        return {"proxy_to_capture": (self._to_capture @ T_world_proxy).matrix.tolist()}

    def _tune(self, name: str) -> Facts:
        store = self._proxies
        is_placed = name in store.names and store.is_placed(name)
        tuned = store.tuned(name) if is_placed else None
        if tuned is None:
            return _skipped(NOT_YET if is_placed else self._missing(name))
        seconds = self._timed("tune", name)
        if "failed" in tuned:
            return _failed(tuned["failed"]) | seconds
        facts: Facts = {"color_map": tuned["color_map"].tolist(), "evidence": tuned["evidence"]}
        return {"state": DONE} | facts | seconds

    def _compose(self, name: str) -> Facts:
        store, seconds = self._composite, self._timed("compose", name)
        if name in store.names:
            facts = store.facts(name)
            told = {key: facts[key] for key in ("kept", "dropped", "filled", "evidence")}
            return {"state": DONE} | told | seconds
        is_placed = name in self._proxies.names and self._proxies.is_placed(name)
        if name in store.failures:
            reason = store.failures[name]
            return (_failed(reason) if is_placed else _skipped(reason)) | seconds
        if name in self._proxies.rejected:
            return _skipped(REJECTION)
        if self._mode == "keep":
            return _skipped("--pipeline.model.compose.mode keep leaves the scene as it is.")
        return _skipped(NOT_YET if is_placed else self._missing(name))

    def _missing(self, name: str) -> str:
        """Why there is nothing to work on."""
        store = self._proxies
        if name in store.rejected:
            return REJECTION
        failed = name not in self._own or name in store.failures
        is_misplaced = name in store.names and store.misplaced(name) is not None
        return EARLIER if failed or is_misplaced else NOT_YET


def _failed(reason: str) -> Facts:
    return {"state": FAILED, "reason": reason}


def _skipped(reason: str) -> Facts:
    return {"state": SKIPPED, "reason": reason}
