"""Compilation of the CPU kernels: one decorator for what Python calls, one for what kernels call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

from scorp_ns.render.cpu.kernel_cache import KernelCache
from scorp_ns.render.cpu.threads import even_chunks, run_chunks

__all__ = ["FASTMATH", "device_function", "even_chunks", "kernel", "run_chunks"]

FASTMATH = frozenset({"contract", "reassoc", "nsz", "arcp", "afn"})
"""Re-ordering and fusing are allowed, so that sums vectorise; infinities and NaNs keep their meaning."""


def kernel(function: Callable[..., Any] | None = None, *, fastmath: frozenset[str] | bool = FASTMATH) -> Any:
    """The function compiled at first call without the GIL and kept on disk; use as `@kernel` or `@kernel(...)`."""
    if function is None:
        return lambda decorated: kernel(decorated, fastmath=fastmath)
    compiled = _compiled(function, fastmath)
    if hasattr(compiled, "_cache"):  # Under NUMBA_DISABLE_JIT it is the plain function.
        compiled._cache = KernelCache(function)
    return compiled


def device_function(function: Callable[..., Any] | None = None, *, fastmath: frozenset[str] | bool = FASTMATH) -> Any:
    """The function compiled into each kernel that calls it; it has no files of its own.

    Always inlined: a call that stays one counts references to its arrays, with atomic instructions that the threads
    then fight over.
    """
    if function is None:
        return lambda decorated: device_function(decorated, fastmath=fastmath)
    return _compiled(function, fastmath, forceinline=True)


def _compiled(function: Callable[..., Any], fastmath: frozenset[str] | bool, **options: Any) -> Any:
    flags = fastmath if isinstance(fastmath, bool) else set(fastmath)
    return numba.njit(function, nogil=True, error_model="numpy", fastmath=flags, **options)
