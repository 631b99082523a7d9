"""Kernels run on several cores by a plain thread pool, with the same result for any number of threads."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch


@functools.cache
def _pool() -> ThreadPoolExecutor:
    """The process's worker threads; they sleep unless chunks are waiting."""
    return ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="scorp-kernel")


_threads_for_kernels: int | None = None


@contextlib.contextmanager
def cores_for_kernels() -> Iterator[None]:
    """Within this block kernels use all of torch's threads, and torch's own operations one.

    Between kernels a scene keeps torch busy with many small operations. OpenMP makes its threads meet after each, and
    stalls for milliseconds whenever another program has taken one of the cores.
    """
    global _threads_for_kernels
    before = _threads_for_kernels, torch.get_num_threads()
    _threads_for_kernels = num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        _threads_for_kernels = before[0]
        torch.set_num_threads(before[1])


def num_threads() -> int:
    """Threads that a kernel may use: as many as torch, unless within `cores_for_kernels`."""
    return _threads_for_kernels or torch.get_num_threads()


if hasattr(os, "register_at_fork"):
    # A forked child inherits the pool object but none of its threads, so it has to make its own.
    os.register_at_fork(after_in_child=_pool.cache_clear)


def even_chunks(per_thread: int) -> int:
    """Chunks to split work into if its result does not depend on their number: one for a single thread."""
    threads = num_threads()
    return 1 if threads == 1 else per_thread * threads


def run_chunks(function: Callable[..., Any], num_chunks: int, *args: Any) -> None:
    """Call `function(chunk, num_chunks, *args)` for every chunk, on `num_threads()` threads.

    A chunk must write only what no other chunk writes; then threads and their order cannot change a result. Numba's
    own threading layers are avoided because they abort the process when two Python threads, such as a viewer and a
    trainer, launch kernels at the same time.
    """
    chunks = iter(range(num_chunks))
    workers = _start_workers(min(num_threads(), num_chunks) - 1, function, chunks, num_chunks, args)
    try:
        _work(function, chunks, num_chunks, args)
    finally:
        # A worker that has not started yet has nothing left to do; waiting for it would mean waiting for other callers.
        running = [worker for worker in workers if not worker.cancel()]
        errors = [worker.exception() for worker in running]
    for error in errors:
        if error is not None:
            raise error


def _start_workers(
    count: int, function: Callable[..., Any], chunks: Iterator[int], num_chunks: int, args: tuple[Any, ...]
) -> list[Future[None]]:
    try:
        return [_pool().submit(_work, function, chunks, num_chunks, args) for _ in range(count)]
    except RuntimeError:
        # The interpreter is shutting down and takes no more tasks; the calling thread does all the work.
        return []


def _work(function: Callable[..., Any], chunks: Iterator[int], num_chunks: int, args: tuple[Any, ...]) -> None:
    """Take chunks off the shared iterator until none is left; `next` on a range is atomic under the GIL."""
    for chunk in chunks:
        function(chunk, num_chunks, *args)
