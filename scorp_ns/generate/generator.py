"""The interface of generators of proxies, and their settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import Protocol, runtime_checkable

from scorp_ns.errors import CancelledError
from scorp_ns.products import ProxyAsset, ProxyRequest


def ignore_progress(share: float | None, text: str) -> None:
    """Does nothing with progress."""


def ignore_warning(text: str) -> None:
    """Does nothing with a warning."""


@dataclass(frozen=True)
class Work:
    """Progress reports and cancelling of a generator at work."""

    report: Callable[[float | None, str], None] = ignore_progress
    """Takes the share that is done, if it is known, and the current step, in a few words."""
    cancelled: Event = field(default_factory=Event)
    """Set when the work is to stop."""
    warn: Callable[[str], None] = ignore_warning
    """Takes warnings for people; the work goes on."""

    def check(self, name: str) -> None:
        """Raise a CancelledError if the work on the object with this name is to stop."""
        if self.cancelled.is_set():
            raise CancelledError(
                f"The proxy of '{name}' was cancelled.",
                "The object keeps its lifted Gaussians.",
                "Generate it again with --regenerate when you want one.",
            )


@runtime_checkable
class Generator(Protocol):
    """Makes complete objects from partial observations."""

    def fingerprint(self, request: ProxyRequest) -> str | None:
        """A text that is equal if the reply would be, as a key to stored replies; None for replies that cost little."""
        ...

    def generate(self, request: ProxyRequest, work: Work) -> ProxyAsset:
        """The complete object, or a GenerationError with the reason. It calls `work.check` now and then."""
        ...


@runtime_checkable
class GeneratorConfig(Protocol):
    """The settings of a generator: a dataclass, also when it comes from another package."""

    def build(self) -> Generator:
        """The generator; a ScorpError if these settings cannot work."""
        ...
