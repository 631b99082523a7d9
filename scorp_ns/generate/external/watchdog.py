"""Child programs end with this process, also when a signal ends it."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

ENDING_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Sent by `kill` and by batch systems, and by terminals that are closed; Windows has not both."""

WATCH = """
trap '' HUP INT TERM
read -r group || exit 0
read -r nothing
kill -s TERM -- "-$group"
sleep 3
kill -s KILL -- "-$group"
"""
"""A shell that reads a process group's number, and ends the group when its input closes as this process is gone."""


class Ended(BaseException):
    """A signal ends this process; not an Exception or SystemExit, lest their handlers catch it."""


@contextmanager
def ended_in_order() -> Iterator[None]:
    """A context in which ending signals unwind the stack first, and end the process in the same way after it.

    Signals that are ignored or have another handler are left alone, as are all outside the main thread.
    """
    received: list[int] = []

    def unwind(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise Ended(signal.strsignal(number))

    is_main = threading.current_thread() is threading.main_thread()
    ours = [number for number in ENDING_SIGNALS if is_main and signal.getsignal(number) is signal.SIG_DFL]
    try:
        for number in ours:
            signal.signal(number, unwind)
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
        if received:
            signal.raise_signal(received[0])


@contextmanager
def watchdog() -> Iterator[Callable[[int], None]]:
    """A context with a function that takes a process group's number; the group ends if this process is killed."""
    shell = subprocess.Popen(
        ["/bin/sh", "-c", WATCH],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        bufsize=0,
    )
    pipe = shell.stdin
    assert pipe is not None

    def watch(group: int) -> None:
        with suppress(BrokenPipeError):
            pipe.write(f"{group}\n".encode())

    try:
        yield watch
    finally:
        # Killed first, as closing its input would end the group.
        shell.kill()
        shell.wait()
        pipe.close()
