"""Programs of others end when we do, also when somebody ends us by a signal."""

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
"""A shell that hears a group's number and then nothing, until the end of its input tells that we are gone."""


class Ended(BaseException):
    """Somebody ends us by a signal; no handler of errors, nor of `SystemExit`, should take it for one of its own."""


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Signals that would end us at once unwind what is within first, and end us in the same way after it.

    Those that are ignored, or handled by somebody else, are left alone, as are all outside the main thread.
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
    """A function that takes the number of a process group, which ends if we are killed within."""
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
        # The end of its input would tell it that we are gone.
        shell.kill()
        shell.wait()
        pipe.close()
