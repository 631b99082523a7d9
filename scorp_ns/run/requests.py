"""Requests of people at the viewer, which wait here until the run has a moment for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock

from scorp_ns.gaussians.similarity import Similarity


@dataclass(frozen=True)
class Accept:
    """The proxy of an object belongs here, without any search."""

    name: str
    T_world_proxy: Similarity


@dataclass(frozen=True)
class Search:
    """The place of the proxy of an object is near here: search from there."""

    name: str
    T_world_start: Similarity


@dataclass(frozen=True)
class Reject:
    """An object keeps what was lifted of it, whatever is known of its proxy."""

    name: str


@dataclass(frozen=True)
class Restore:
    """An object that was rejected is put together with its proxy after all."""

    name: str


@dataclass(frozen=True)
class Regenerate:
    """The proxy of an object is made anew, from now on by this generator."""

    name: str
    generator: str


@dataclass(frozen=True)
class Keep:
    """A change of an object that was made at the viewer already shall last: a complete run stores nothing by itself."""

    name: str


Request = Accept | Search | Reject | Restore | Regenerate | Keep


class RequestQueue:
    """Requests on their way from the viewer's threads to the run's, and the answers on their way back."""

    def __init__(self) -> None:
        self.is_heard = False
        """Whether there is a run that carries requests out."""
        self.listeners: list[Callable[[str], None]] = []
        """Called with the answer to a request, in words."""
        self._waiting: list[Request] = []
        self._lock = RLock()

    @property
    def waiting(self) -> tuple[Request, ...]:
        """The requests that are not carried out yet, the oldest first."""
        return tuple(self._waiting)

    def ask(self, request: Request) -> None:
        """Add a request, in place of an earlier one of the same kind for the object."""
        with self._lock:
            kept = [one for one in self._waiting if (type(one), one.name) != (type(request), request.name)]
            self._waiting = [*kept, request]

    def take(self) -> tuple[Request, ...]:
        """All requests that wait; they do so no more."""
        with self._lock:
            taken, self._waiting = tuple(self._waiting), []
        return taken

    def forget(self, name: str) -> None:
        """Drop the requests for an object: the name may come to mean another one."""
        with self._lock:
            self._waiting = [one for one in self._waiting if one.name != name]

    def answer(self, text: str) -> None:
        """Tell all listeners the answer to a request."""
        for listener in self.listeners:
            listener(text)
