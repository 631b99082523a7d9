"""External programs in process groups of their own, with a time limit, a log, and no process left behind."""

from __future__ import annotations

import atexit
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import IO

from scorp_ns.generate.external.watchdog import watchdog
from scorp_ns.messages import counted

POLL_S = 0.1
"""Interval between looks at a running program."""

GRACE_S = 3.0
"""Time for programs to end after SIGTERM, before they are killed."""

MOST_LOG_BYTES = 4 << 20
"""Largest log; longer output keeps its beginning and its end."""

TAIL_BYTES = 16 << 10
"""Length of the end that is kept."""

CHUNK_BYTES = 1 << 16

DRAIN_S = 1.0
"""Time for which the output of a program that has ended is read: its children may write for ever."""

SHOWN_LINES = 8
"""Last lines of the output that are shown."""


@dataclass(frozen=True)
class Outcome:
    """The end of a program."""

    code: int | None
    """Its exit code, negative for a signal; None if it was stopped since it took too long."""
    last_lines: list[str]
    """The end of what it printed."""


class Log:
    """A program's output in a file of bounded size, and its last lines."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._written = 0
        self._skipped = 0
        self._tail = b""

    def add(self, chunk: bytes) -> None:
        """Append output."""
        self._tail = (self._tail + chunk)[-TAIL_BYTES:]
        kept = chunk[: MOST_LOG_BYTES - self._written]
        self._file.write(kept)
        self._written += len(kept)
        self._skipped += len(chunk) - len(kept)

    def close(self) -> None:
        """Write the end of output that was too long."""
        if self._skipped:
            end = self._tail[-self._skipped :]
            left_out = counted(self._skipped - len(end), "byte")
            self._file.write(f"\n[... {left_out} left out ...]\n".encode() + end)

    def last_lines(self, number: int) -> list[str]:
        """The last lines that are not blank; progress bars count as the line they last showed."""
        lines = [line.rstrip().split("\r")[-1] for line in self._tail.decode(errors="replace").split("\n")]
        return [line for line in lines if line.strip()][-number:]


def run_program(
    arguments: Sequence[str], log_path: Path, time_limit_s: float, cancelled: Event, heard: Callable[[str], None]
) -> Outcome:
    """The outcome of a program, after all of its processes ended; an OSError if it cannot be started.

    `heard` is given its last line now and then. If `cancelled` is set, the program is stopped.
    """
    with open(log_path, "wb", buffering=0) as file, watchdog() as watch, _running(arguments) as process:
        watch(process.pid)
        log = Log(file)
        try:
            is_in_time = _listen(process, log, time.monotonic() + time_limit_s, cancelled, heard)
            _end_group(process)
            _listen(process, log, time.monotonic() + DRAIN_S, Event(), heard)
        finally:
            log.close()
        return Outcome(process.returncode if is_in_time else None, log.last_lines(SHOWN_LINES))


@contextmanager
def _running(arguments: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A context with the program, started in a session of its own, so that Ctrl-C reaches it only through us."""
    process = subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        bufsize=0,
    )
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)

    def kill() -> None:
        _signal(process, signal.SIGKILL)

    # An interpreter that ends while another thread waits here does not come back to it.
    atexit.register(kill)
    try:
        yield process
    finally:
        if process.returncode is None:
            _end_group(process)
        atexit.unregister(kill)
        process.stdout.close()


def _listen(
    process: subprocess.Popen[bytes], log: Log, deadline: float, cancelled: Event, heard: Callable[[str], None]
) -> bool:
    """True if the program ended, or the work was cancelled, before the deadline; output is logged until then."""
    assert process.stdout is not None
    is_open = True
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not cancelled.is_set():
            has_ended = process.poll() is not None
            if is_open and selector.select(0 if has_ended else POLL_S):
                chunk = process.stdout.read(CHUNK_BYTES)
                is_open = chunk != b""
                log.add(chunk or b"")
                for line in log.last_lines(1):
                    heard(line)
            elif has_ended:
                return True
            elif not is_open:
                cancelled.wait(POLL_S)
            if time.monotonic() > deadline:
                return False
    return True


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask all processes of the group to end, then kill those that do not, and reap the program."""
    try:
        if process.poll() is None:
            _signal(process, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_S)
    finally:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to the group, if a process is left in it."""
    # The group has the number of its first process; macOS refuses signals to those that wait to be reaped.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
