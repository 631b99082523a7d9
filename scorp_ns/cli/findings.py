"""What a check says, and what of it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "failure"]
"""Nothing to do; something is slower, left out or not known; the main job cannot run."""

LONGEST = 300
"""Characters of another package's error message that are shown."""


@dataclass(frozen=True)
class Answer:
    """What a check says."""

    state: State
    found: str
    """What there is."""
    do: str = ""
    """What to do if that is not right; empty where nothing is."""


@dataclass(frozen=True)
class Finding:
    """A line of the report."""

    name: str
    """What was looked at."""
    state: State
    found: str
    """What there is."""
    do: str
    """What to do if that is not right; empty where nothing is."""


@dataclass(frozen=True)
class Check:
    """Something to look at."""

    name: str
    look: Callable[[], Answer | None]
    """Gives the answer, or None where the question does not arise; may raise anything. It is sent to a process."""
    remedy: str = ""
    """What to do when looking raises."""
    is_fatal: bool = False
    """Whether the main job, to train and export, cannot run where looking raises."""
    needs: tuple[str, ...] = ()
    """Names of checks without whose success looking is of no use."""

    def finding(self, answer: Answer) -> Finding:
        """The answer as a line of the report."""
        return Finding(self.name, answer.state, answer.found, answer.do)

    def broken(self, found: str) -> Finding:
        """The line of the report for a check that gave no answer."""
        return Finding(self.name, "failure" if self.is_fatal else "warning", found, self.remedy)

    def examine(self) -> Finding | None:
        """The line of the report, whatever happens while looking."""
        try:
            answer = self.look()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # A broken package may raise anything, a request to exit or a panic included.
            return self.broken(shown(error))
        return None if answer is None else self.finding(answer)


def ok(found: str, do: str = "") -> Answer:
    """There is nothing that has to be done."""
    return Answer("ok", found, do)


def warning(found: str, do: str) -> Answer:
    """The main job runs, but something is slower or left out."""
    return Answer("warning", found, do)


def failure(found: str, do: str) -> Answer:
    """The main job cannot run."""
    return Answer("failure", found, do)


def shown(error: BaseException) -> str:
    """The kind and message of an error, in one line that is not too long."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
