"""Facts of an object that several stages tell: the reasons why a stage did nothing, and the time it took."""

from __future__ import annotations

from scorp_ns.run.run import Run
from scorp_ns.scene.records import Refused

EARLIER = "An earlier stage has nothing to go on with."
LOST = "Training removed all of its Gaussians after it was lifted."
NOT_YET = "The run ended before its time came."
REJECTION = "It was decided at the viewer that it keeps what was lifted of it."
"""Reasons why a stage has done nothing, or has nothing left."""


def reason_for_nothing(run: Run, name: str) -> str:
    """The reason why a stage had nothing of the object to work on."""
    proxies = run.model.scene_proxies
    if name in proxies.rejected:
        return REJECTION
    failed = not run.own_objects({name}) or name in proxies.failures
    is_refused = name in proxies.names and isinstance(proxies.record(name).placement, Refused)
    return EARLIER if failed or is_refused else NOT_YET


def is_placed(run: Run, name: str) -> bool:
    """Whether the object has a proxy that stands somewhere."""
    proxies = run.model.scene_proxies
    return name in proxies.names and proxies.pose(name) is not None


def seconds_of(run: Run, stage: str, name: str) -> float | None:
    """The time that a stage spent on the object alone."""
    return run.clock.of_objects.get(name, {}).get(stage)
