"""Chunks of work are shared between threads, in children too, and what goes wrong in one is not lost."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import pytest

from scorp_ns.render.cpu import threads


@pytest.mark.skipif(not hasattr(os, "fork"), reason="There is no fork on this system.")
def test_a_forked_child_works_with_threads_of_its_own(num_threads: Any) -> None:
    num_threads(2)

    def mark(chunk: int, num_chunks: int, done: bytearray, both: threading.Barrier) -> None:
        both.wait()
        done[chunk] = 1

    def works() -> bool:
        done = bytearray(2)
        threads.run_chunks(mark, 2, done, threading.Barrier(2, timeout=10))
        return all(done)

    assert works()
    # The child calls nothing of torch's, whose own threads do not survive a fork.
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if works() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_an_error_in_a_chunk_reaches_the_caller(num_threads: Any) -> None:
    num_threads(2)

    def fail(chunk: int, num_chunks: int) -> None:
        if chunk == 3:
            raise ValueError("chunk 3")

    with pytest.raises(ValueError, match="chunk 3"):
        threads.run_chunks(fail, 8)
