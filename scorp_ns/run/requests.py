"""What people ask for in the viewer while a run goes on: it waits here until the run has a moment for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock

from scorp_ns.gaussians.similarity import Similarity


@dataclass(frozen=True)
class Accept:
    """The proxy of an object belongs here, and nobody shall search any more."""

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
    """What was done to an object at the viewer already shall last: a complete run stores nothing by itself."""

    name: str


Wish = Accept | Search | Reject | Restore | Regenerate | Keep


class Corrections:
    """Wishes on their way from the viewer's threads to the run's, and the answers on their way back."""

    def __init__(self) -> None:
        self.is_heard = False
        """Whether there is a run that carries wishes out."""
        self.listeners: list[Callable[[str], None]] = []
        """Whom to tell what became of a wish, in words."""
        self._waiting: list[Wish] = []
        self._lock = RLock()

    @property
    def waiting(self) -> tuple[Wish, ...]:
        """What was asked for and is not carried out yet, the oldest first."""
        return tuple(self._waiting)

    def ask(self, wish: Wish) -> None:
        """Ask for something; an earlier wish of the same kind for the object is given up."""
        with self._lock:
            kept = [one for one in self._waiting if (type(one), one.name) != (type(wish), wish.name)]
            self._waiting = [*kept, wish]

    def take(self) -> tuple[Wish, ...]:
        """All wishes that wait; they do so no more."""
        with self._lock:
            taken, self._waiting = tuple(self._waiting), []
        return taken

    def forget(self, name: str) -> None:
        """Give up what was asked for an object: the name may come to mean another one."""
        with self._lock:
            self._waiting = [one for one in self._waiting if one.name != name]

    def answer(self, text: str) -> None:
        """Tell whoever listens what became of a wish."""
        for listener in self.listeners:
            listener(text)
