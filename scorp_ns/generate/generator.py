"""What a generator of proxies is asked, and what it has to be."""

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
    """What connects a generator at work with people: they see how far it has come, and may stop it."""

    report: Callable[[float | None, str], None] = ignore_progress
    """Takes the share that is done, if it is known, and what is being done, in a few words."""
    cancelled: Event = field(default_factory=Event)
    """Set when somebody wants the work to stop."""
    warn: Callable[[str], None] = ignore_warning
    """Takes what people should know though the work goes on."""

    def check(self, name: str) -> None:
        """A CancelledError if the work on the object with this name shall stop."""
        if self.cancelled.is_set():
            raise CancelledError(
                f"The proxy of '{name}' was cancelled.",
                "The object keeps what was lifted of it.",
                "Generate it again with --regenerate when you want one.",
            )


@runtime_checkable
class Generator(Protocol):
    """Makes complete objects from what is known of partial ones."""

    def fingerprint(self, request: ProxyRequest) -> str | None:
        """What decides the reply, as a text: an equal one gets the stored reply. None for replies that cost little."""
        ...

    def generate(self, request: ProxyRequest, work: Work) -> ProxyAsset:
        """The complete object; a GenerationError says why there is none. It calls `work.check` now and then."""
        ...


@runtime_checkable
class GeneratorConfig(Protocol):
    """The settings of a generator: a dataclass, also when it comes from another package."""

    def build(self) -> Generator:
        """The generator; a ScorpError if these settings cannot work."""
        ...
