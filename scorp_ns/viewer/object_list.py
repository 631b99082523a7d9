"""The list of objects in the panel: how far each has come, how sure that is, and why it came no further."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from scorp_ns.messages import counted
from scorp_ns.model import ScorpModel
from scorp_ns.products import ObjectView
from scorp_ns.scene.records import Placed, ProxyRecord, Refused, Unplaced
from scorp_ns.viewer.markdown import plain

THUMBNAIL = 60
"""Sides of the pictures of objects, in pixels."""

MOST_PICTURES = 4
"""So many pictures stand in a row, which the viewer stretches or shrinks to its own width."""

BACKGROUND = (36, 36, 36)
"""The colour around an object in its picture, as around everything in the viewer's panel."""

NO_OBJECTS = "No objects yet."


@dataclass(frozen=True)
class ObjectStatus:
    """One object in words."""

    name: str
    stage: str
    """The last stage that it came through."""
    confidence: str
    """The evidence for its proxy and its pose; empty without any."""
    reasons: tuple[str, ...]
    """Why it came no further."""


def status_of(model: ScorpModel) -> list[ObjectStatus]:
    """Every object that the run knows, those that could not be lifted at the end."""
    objects = model.scene_objects
    lifted = [_status(model, name) for name in objects.names]
    return lifted + [ObjectStatus(name, "not lifted", "", (reason,)) for name, reason in objects.failures.items()]


def _status(model: ScorpModel, name: str) -> ObjectStatus:
    proxies, composite = model.scene_proxies, model.scene_composite
    record = proxies.record(name) if name in proxies.names else None
    refusal = record.placement.reason if record is not None and isinstance(record.placement, Refused) else None
    reasons = tuple(filter(None, [proxies.failures.get(name), refusal, composite.failures.get(name)]))
    return ObjectStatus(name, _stage(model, name, record), "" if record is None else _confidence(record), reasons)


def _stage(model: ScorpModel, name: str, record: ProxyRecord | None) -> str:
    """The stage that an object has come to."""
    if name in model.scene_proxies.rejected:
        return "rejected by you: as it was lifted"
    if name in model.scene_composite.names:
        composed = model.scene_composite.record(name)
        return f"composed: {composed.kept} kept, {composed.filled} from its proxy"
    if record is None:
        return "lifted, without a proxy"
    return "proxy placed" if isinstance(record.placement, Placed) else "proxy without a place"


def _confidence(record: ProxyRecord) -> str:
    """The evidence for a proxy and for its pose."""
    placement = record.placement
    if isinstance(placement, Placed) and placement.by == "person":
        return f"by {record.made_by}, placed by you"
    confidence = {} if isinstance(placement, Unplaced) else placement.confidence
    facts = confidence or record.evidence
    numbers = [f"{fact.replace('_', ' ')} {value:.0%}" for fact, value in facts.items() if _is_share(value)]
    start = ["searched from your place"] if record.start is not None and record.start.by_person else []
    return ", ".join([f"by {record.made_by}", *start, *numbers])


def _is_share(value: float | str) -> bool:
    return not isinstance(value, str) and 0 <= value <= 1


def describe(status: ObjectStatus, number: int | None, picture: str | None) -> str:
    """One object in the viewer's markdown."""
    title = f"**{plain(status.name)}**" + ("" if number is None else f": {counted(number, 'Gaussian')}")
    lines = [title, plain(status.stage), plain(status.confidence), *(f"*{plain(one)}*" for one in status.reasons)]
    text = "  \n".join(filter(None, lines))
    return text if picture is None else f"![{plain(status.name)}]({picture})  \n{text}"


def strip_of(views: Sequence[ObjectView]) -> str:
    """Small pictures, side by side, of what photographs show of an object, as an address that holds them."""
    strip = Image.new("RGB", (MOST_PICTURES * THUMBNAIL, THUMBNAIL), BACKGROUND)
    for place, view in enumerate(views[:MOST_PICTURES]):
        crop = Image.fromarray(view.rgba).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
        strip.paste(crop, (place * THUMBNAIL, 0), mask=crop.getchannel("A"))
    file = io.BytesIO()
    strip.save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
