"""What a run knows of its objects, as its report says it: what each stage made of each of them, and why not more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.report.of_run.facts import (
    ACCEPTED,
    BUILT_IN,
    DONE,
    FAILED,
    REJECTED,
    SKIPPED,
    ComposeFacts,
    LiftFacts,
    MaskFacts,
    ObjectEntry,
    PlaceFacts,
    ProposeFacts,
    StageFacts,
    SuspiciousMask,
    TuneFacts,
    entry_type,
)
from scorp_ns.report.of_run.outcome import outcome_of
from scorp_ns.run.lifting import capture_to_world

if TYPE_CHECKING:
    from scorp_ns.data.datamanager import ScorpDataManager
    from scorp_ns.model import ScorpModel

Facts = dict[str, Any]
"""Some of a stage's facts."""

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

    def of(self, name: str) -> ObjectEntry:
        """What the report says of one object."""
        stages: dict[str, StageFacts] = {
            "masks": self._masks(name),
            "lift": self._lift(name),
            "propose": self._propose(name),
            "place": self._place(name),
            "tune": self._tune(name),
            "compose": self._compose(name),
        }
        reached = [stage.name for stage in BUILT_IN if stages[stage.name].state == DONE]
        return entry_type(BUILT_IN)(
            reached=reached[-1] if reached else "nothing",
            outcome=outcome_of(stages, BUILT_IN),
            decision=self._decision(name),
            **stages,
        )

    def _decision(self, name: str) -> str | None:
        """What somebody decided at the viewer."""
        store = self._proxies
        if name in store.rejected:
            return REJECTED
        return ACCEPTED if name in store.names and store.accepted_by(name) is not None else None

    def _seconds_of(self, stage: str, name: str) -> float | None:
        return self._seconds.get(name, {}).get(stage)

    def _masks(self, name: str) -> MaskFacts:
        check = self._checks.get(name)
        if check is None:
            return MaskFacts(state=SKIPPED, reason="The object was picked by a click.", origin="click")
        return MaskFacts(
            state=DONE if check.verdict is None else FAILED,
            reason=check.verdict,
            origin="box" if name in self._boxed and not check.num_frames else "masks",
            frames=check.num_frames,
            missing=check.num_missing,
            cut=check.num_cut,
            mean_area=check.mean_area,
            suspicious=[SuspiciousMask(self._frames[one.frame], one.reason) for one in check.suspicions],
        )

    def _lift(self, name: str) -> LiftFacts:
        one = self._own.get(name)
        if one is None:
            reason = LOST if name in self._objects.names else self._objects.failures.get(name)
            return LiftFacts(state=SKIPPED if reason is None else FAILED, reason=reason or NOT_YET)
        return LiftFacts(
            state=DONE,
            gaussians=len(one.indices),
            mean_visibility=float(one.visibility.mean()),
            mask_iou=math.nan if one.mask_iou is None else one.mask_iou,
            has_support=one.support is not None,
            photographs=[view.name for view in self._objects.views.get(name, ())],
        )

    def _propose(self, name: str) -> ProposeFacts:
        store, reason = self._proxies, self._proxies.failures.get(name)
        if name not in store.names:
            seconds = self._seconds_of("propose", name)
            if reason is None:
                return ProposeFacts(state=SKIPPED, reason=self._missing(name), seconds=seconds)
            return ProposeFacts(state=FAILED, reason=reason, seconds=seconds)
        proxy = store.proxy(name)
        return ProposeFacts(
            state=DONE,
            reason=None if reason is None else f"It was not made anew, the earlier one stays. {reason}",
            made_by=proxy.made_by,
            gaussians=len(proxy.gaussians),
            evidence=dict(proxy.evidence),
            notes=list(proxy.notes),
            seconds=store.seconds(name),
            license=proxy.license,
        )

    def _place(self, name: str) -> PlaceFacts:
        store = self._proxies
        if name not in store.names:
            return PlaceFacts(state=SKIPPED, reason=self._missing(name))
        confidence, pose = store.confidence(name), store.proxy(name).T_world_proxy
        facts: Facts = {"seconds": self._seconds_of("place", name), "confidence": dict(confidence or {}) or None}
        reason = store.misplaced(name)
        if reason is not None:
            refused = self._pose(store.refused(name))
            return PlaceFacts(state=FAILED, reason=reason, by="search", proxy_to_capture=refused, **facts)
        if pose is None:
            return PlaceFacts(state=SKIPPED, reason=NOT_YET)
        told_by = store.accepted_by(name) or ("search" if confidence else "generator")
        return PlaceFacts(state=DONE, by=told_by, proxy_to_capture=self._pose(pose), **facts)

    def _pose(self, T_world_proxy: Similarity | None) -> list[list[float]] | None:
        return None if T_world_proxy is None else (self._to_capture @ T_world_proxy).matrix.tolist()

    def _tune(self, name: str) -> TuneFacts:
        store = self._proxies
        is_placed = name in store.names and store.is_placed(name)
        tuned = store.tuned(name) if is_placed else None
        if tuned is None:
            return TuneFacts(state=SKIPPED, reason=NOT_YET if is_placed else self._missing(name))
        seconds = self._seconds_of("tune", name)
        if "failed" in tuned:
            return TuneFacts(state=FAILED, reason=tuned["failed"], seconds=seconds)
        color_map, evidence = tuned["color_map"].tolist(), tuned["evidence"]
        return TuneFacts(state=DONE, color_map=color_map, evidence=evidence, seconds=seconds)

    def _compose(self, name: str) -> ComposeFacts:
        store, seconds = self._composite, self._seconds_of("compose", name)
        if name in store.names:
            facts = store.facts(name)
            told = {key: facts[key] for key in ("kept", "dropped", "filled", "evidence")}
            return ComposeFacts(state=DONE, seconds=seconds, **told)
        is_placed = name in self._proxies.names and self._proxies.is_placed(name)
        if name in store.failures:
            state = FAILED if is_placed else SKIPPED
            return ComposeFacts(state=state, reason=store.failures[name], seconds=seconds)
        if name in self._proxies.rejected:
            reason = REJECTION
        elif self._mode == "keep":
            reason = "--pipeline.model.compose.mode keep leaves the scene as it is."
        else:
            reason = NOT_YET if is_placed else self._missing(name)
        return ComposeFacts(state=SKIPPED, reason=reason)

    def _missing(self, name: str) -> str:
        """Why there is nothing to work on."""
        store = self._proxies
        if name in store.rejected:
            return REJECTION
        failed = name not in self._own or name in store.failures
        is_misplaced = name in store.names and store.misplaced(name) is not None
        return EARLIER if failed or is_misplaced else NOT_YET
