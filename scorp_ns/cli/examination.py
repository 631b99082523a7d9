"""Checks run in a process of their own: a library that crashes or hangs takes down its own check and no more."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from scorp_ns.cli.findings import Check, Finding

TIME_LIMIT = 300.0
"""Seconds after which a check is given up; compiling the CPU kernels on a slow machine is the longest that is well."""


def examine(checks: Sequence[Check], time_limit: float = TIME_LIMIT) -> Iterator[tuple[Check, Finding | None]]:
    """The checks in their order, first without and then with their findings; those that do not apply have none."""
    unusable: set[str] = set()
    with Examiner(time_limit) as examiner:
        for check in checks:
            yield check, None
            lacking = [name for name in check.needs if name in unusable]
            finding = _not_looked_at(check, lacking) if lacking else examiner.examine(check)
            if lacking or (finding and finding.state == "failure"):
                unusable.add(check.name)
            if finding:
                yield check, finding


def _not_looked_at(check: Check, lacking: list[str]) -> Finding:
    return Finding(check.name, "warning", "not looked at", f"Mend first: {', '.join(lacking)}.")


class Examiner:
    """A process that looks at what it is told to; a fresh one takes its place when it dies."""

    def __init__(self, time_limit: float) -> None:
        self._time_limit = time_limit
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def __enter__(self) -> Examiner:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def examine(self, check: Check) -> Finding | None:
        """The finding, also if the check ends the process or never ends; None if the check does not apply."""
        try:
            pipe = self._pipe or self._start()
            pipe.send(check)
            if pipe.poll(self._time_limit):
                return pipe.recv()
            self._end()
            return check.broken(f"no answer within {self._time_limit:.0f} s")
        except (EOFError, OSError) as error:
            return check.broken(self._last_words(error))

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        process = context.Process(target=_answer_requests, args=(other,), daemon=True)
        process.start()
        self._process = process
        other.close()
        return self._pipe

    def _last_words(self, error: Exception) -> str:
        """How the process came to its end."""
        code = None
        if self._process is not None:
            self._process.join(timeout=5)
            code = self._process.exitcode
        self._end()
        if code is None:
            return f"could not be looked at ({type(error).__name__}: {error})"
        return f"looking at it crashed Python ({signal.strsignal(-code) if code < 0 else f'exit code {code}'})"

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None


def _answer_requests(pipe: Connection) -> None:
    """Look at one thing after the other until nobody asks any more; what libraries print goes nowhere."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _fall_silent()
    while True:
        try:
            check: Check = pipe.recv()
        except EOFError:
            return
        pipe.send(check.examine())


def _fall_silent() -> None:
    """Send standard output and errors nowhere, also for libraries that are not written in Python."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
