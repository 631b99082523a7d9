"""The errors a user may see. Each says what was found, what is needed and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class ScorpError(Exception):
    """Something outside the program is not as it has to be; the message is written for the person who can mend it."""

    def __init__(self, found: str, needed: str, do: str) -> None:
        self.found = found
        self.needed = needed
        self.do = do
        super().__init__(f"{found} {needed} {do}")

    def __reduce__(self) -> tuple[type[ScorpError], tuple[Any, ...]]:
        return type(self), (self.found, self.needed, self.do)


class CaptureError(ScorpError):
    """The capture (images, poses, seed points) cannot be trained on as it is."""


class MaskError(ScorpError):
    """The object masks, or what names the objects in them, cannot be used as they are."""


class CheckpointError(ScorpError):
    """A checkpoint cannot be written, read, or continued from."""


class OutputError(ScorpError):
    """A result cannot be written where it was asked for, or does not exist yet."""


class UnsupportedError(ScorpError):
    """A feature is missing on this device or in this version."""


class PickError(ScorpError):
    """Nothing can be grown from a click."""


class GenerationError(ScorpError):
    """No complete shape of an object can be had; the object keeps what was lifted."""


class CancelledError(GenerationError):
    """The generation of an object's shape was stopped by a person."""


class CorrectionError(ScorpError):
    """A request of the person at the viewer cannot be met."""


class MatchingError(ScorpError):
    """Pictures of an object cannot be matched; its proxy is placed without matches."""


class CompositionError(ScorpError):
    """An object cannot be put together from what was lifted and its proxy; it keeps what was lifted."""


def only_scorp_errors(call: Callable[[], Any]) -> Any:
    """The result of a plug-in's call, for contract tests; an AssertionError if it raises anything but a ScorpError."""
    try:
        return call()
    except ScorpError:
        raise
    # Code of other packages may raise anything.
    except Exception as error:
        raise AssertionError(f"{type(error).__name__} was raised ({error}); only ScorpErrors may be.") from error
