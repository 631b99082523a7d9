"""Records of a run's objects: what is known of each after lifting, proposing, placing, tuning and composing.

Checkpoints hold them as plain types and tensors, so that they load without running any code. This is version 2 of that
form; version 1, whose proxies had a pose, a refusal and a decision side by side, is still read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, astuple, dataclass
from typing import Any, Literal, TypeVar

from jaxtyping import Float, Int64
from torch import Tensor

from scorp_ns.errors import CheckpointError
from scorp_ns.fields.config import FieldConfig
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.products import ObjectFrame, Support
from scorp_ns.scene.picks import Pick

VERSION = 2
"""The form of records in checkpoints."""

Record = TypeVar("Record")


@dataclass(frozen=True)
class LiftedRecord:
    """A lifted object, apart from its Gaussians."""

    label: int
    frame: ObjectFrame
    support: Support | None
    visible_shares: Mapping[str, float]
    """Per photograph, the share that it shows of the object's surface that any of them saw."""
    mask_iou: float | None
    pick: Pick | None
    """The click that it was found by; None for objects of masks and boxes."""

    def __post_init__(self) -> None:
        assert self.label > 0


@dataclass(frozen=True)
class Unplaced:
    """The proxy's pose is unknown, and was not searched for."""


@dataclass(frozen=True)
class Placed:
    """The proxy stands here."""

    pose: Similarity
    """From the proxy to the frame of training."""
    confidence: Mapping[str, float]
    """The evidence of the search; empty where the pose was told."""
    by: Literal["generator", "search", "person"]

    def __post_init__(self) -> None:
        assert bool(self.confidence) <= (self.by == "search")


@dataclass(frozen=True)
class Refused:
    """The proxy was searched for in vain."""

    reason: str
    confidence: Mapping[str, float]
    best: Similarity | None
    """The best pose all the same, for people to look at; None where nothing could be compared."""

    def __post_init__(self) -> None:
        assert self.reason


Placement = Unplaced | Placed | Refused


@dataclass(frozen=True)
class SearchStart:
    """A pose from which the search for the proxy's begins."""

    pose: Similarity
    by_person: bool
    """Whether a person at the viewer gave it; else the generator did."""


@dataclass(frozen=True)
class Tuned:
    """The proxy has the photographs' colours, where it stands."""

    color_map: Float[Tensor, "3 4"]
    evidence: Mapping[str, float]


@dataclass(frozen=True)
class NotTuned:
    """The proxy keeps the colours that were generated."""

    reason: str


@dataclass(frozen=True)
class ProxyRecord:
    """The proxy of an object, apart from its shape."""

    key: str
    """The name of its shape in checkpoints; names of objects may be any text."""
    field: FieldConfig
    T_asset_proxy: Similarity
    made_by: str
    seconds: float
    """The time that its generation took."""
    evidence: Mapping[str, float | str]
    notes: tuple[str, ...]
    license: str | None
    placement: Placement = Unplaced()
    start: SearchStart | None = None
    tuning: Tuned | NotTuned | None = None
    """None for colours that were not tuned for this pose."""

    def __post_init__(self) -> None:
        assert self.key.isdecimal() and self.seconds >= 0


@dataclass(frozen=True)
class ComposedRecord:
    """An object that is composed with its proxy."""

    kept: int
    """Lifted Gaussians that stay."""
    dropped: int
    """Lifted Gaussians that are hidden."""
    filled: int
    """Gaussians that its proxy adds."""
    evidence: Mapping[str, float]
    floaters: Int64[Tensor, " f"]
    """Rows of the scene that belong to no object, and are hidden for this one."""

    def __post_init__(self) -> None:
        assert min(self.kept, self.dropped, self.filled) >= 0 and self.kept + self.filled > 0


def version_of(state: Mapping[str, Any]) -> int:
    """The version of a checkpoint's records; a CheckpointError if it is newer than this program."""
    version = state.get("version", 1)
    if version > VERSION:
        raise CheckpointError(
            f"The checkpoint's objects are stored in form {version}.",
            f"This version of scorp reads forms 1 to {VERSION}.",
            "Load it with the version of scorp that wrote it, or a later one.",
        )
    return version


def pose_to_state(pose: Similarity | None) -> tuple[Tensor, Tensor, float] | None:
    """A pose in plain types."""
    return None if pose is None else (pose.rotation, pose.translation, pose.scale)


def pose_from_state(state: tuple[Tensor, Tensor, float] | None) -> Similarity | None:
    """The pose that `pose_to_state` wrote."""
    return None if state is None else Similarity(*state)


def lifted_to_state(record: LiftedRecord) -> dict[str, Any]:
    """A lifted object in plain types, the same in both versions."""
    return {
        "label": record.label,
        "frame": (record.frame.rotation, record.frame.center, record.frame.extent),
        "support": _or_none(record.support, lambda support: (support.point, support.up)),
        "visible_shares": dict(record.visible_shares),
        "mask_iou": record.mask_iou,
        "pick": _or_none(record.pick, astuple),
    }


def lifted_from_state(state: Mapping[str, Any]) -> LiftedRecord:
    """The lifted object of a state of either version."""
    return LiftedRecord(
        label=state["label"],
        frame=ObjectFrame(*state["frame"]),
        support=_or_none(state["support"], lambda parts: Support(*parts)),
        visible_shares=state["visible_shares"],
        mask_iou=state["mask_iou"],
        pick=_or_none(state.get("pick"), lambda parts: Pick(*parts)),
    )


def composed_to_state(record: ComposedRecord) -> dict[str, Any]:
    """A composed object in plain types."""
    numbers = {"kept": record.kept, "dropped": record.dropped, "filled": record.filled}
    return {**numbers, "evidence": dict(record.evidence), "floaters": record.floaters}


def composed_from_state(state: Mapping[str, Any]) -> ComposedRecord:
    """The composed object of a state."""
    return ComposedRecord(**state)


def proxy_to_state(record: ProxyRecord) -> dict[str, Any]:
    """A proxy in plain types."""
    return {
        "key": record.key,
        "field": asdict(record.field),
        "asset": pose_to_state(record.T_asset_proxy),
        "made_by": record.made_by,
        "seconds": record.seconds,
        "evidence": dict(record.evidence),
        "notes": list(record.notes),
        "license": record.license,
        "placement": _placement_to_state(record.placement),
        "start": _or_none(record.start, lambda start: (pose_to_state(start.pose), start.by_person)),
        "tuning": _tuning_to_state(record.tuning),
    }


def proxy_from_state(state: Mapping[str, Any], version: int = VERSION) -> ProxyRecord:
    """The proxy of a state of this version."""
    read = _of_first_version if version == 1 else _of_this_version
    return ProxyRecord(
        key=state["key"],
        field=FieldConfig(**state["field"]),
        T_asset_proxy=Similarity(*state["asset"]),
        made_by=state["made_by"],
        seconds=state["seconds"],
        evidence=state["evidence"],
        notes=tuple(state["notes"]),
        license=state["license"],
        **read(state),
    )


def _of_this_version(state: Mapping[str, Any]) -> dict[str, Any]:
    start, tuning = state["start"], state["tuning"]
    return {
        "placement": _placement_from_state(state["placement"]),
        "start": _or_none(start, lambda parts: SearchStart(Similarity(*parts[0]), parts[1])),
        "tuning": _tuning_from_state(tuning),
    }


def _of_first_version(state: Mapping[str, Any]) -> dict[str, Any]:
    """Placement, start and tuning, which were keys side by side; what came later may be missing."""
    placement: Placement = Unplaced()
    confidence = state.get("confidence") or {}
    if state["pose"] is not None:
        by = "person" if state.get("accepted_by") else "search" if confidence else "generator"
        placement = Placed(Similarity(*state["pose"]), confidence, by)
    elif state.get("misplaced") is not None:
        placement = Refused(state["misplaced"], confidence, pose_from_state(state.get("refused")))
    start = pose_from_state(state["start"])
    by_person = state.get("started_by") is not None
    return {
        "placement": placement,
        "start": None if start is None else SearchStart(start, by_person),
        "tuning": _tuning_from_state(state.get("tuned")),
    }


def _placement_to_state(placement: Placement) -> dict[str, Any] | None:
    match placement:
        case Placed(pose=pose, confidence=confidence, by=by):
            return {"pose": pose_to_state(pose), "confidence": dict(confidence), "by": by}
        case Refused(reason=reason, confidence=confidence, best=best):
            return {"reason": reason, "confidence": dict(confidence), "best": pose_to_state(best)}
        case Unplaced():
            return None


def _placement_from_state(state: Mapping[str, Any] | None) -> Placement:
    if state is None:
        return Unplaced()
    if "pose" in state:
        return Placed(Similarity(*state["pose"]), state["confidence"], state["by"])
    return Refused(state["reason"], state["confidence"], pose_from_state(state["best"]))


def _tuning_to_state(tuning: Tuned | NotTuned | None) -> dict[str, Any] | None:
    match tuning:
        case Tuned(color_map=color_map, evidence=evidence):
            return {"color_map": color_map, "evidence": dict(evidence)}
        case NotTuned(reason=reason):
            return {"failed": reason}
        case None:
            return None


def _tuning_from_state(state: Mapping[str, Any] | None) -> Tuned | NotTuned | None:
    if state is None:
        return None
    return NotTuned(state["failed"]) if "failed" in state else Tuned(state["color_map"], state["evidence"])


def _or_none(value: Any, convert: Callable[[Any], Record]) -> Record | None:
    return None if value is None else convert(value)
