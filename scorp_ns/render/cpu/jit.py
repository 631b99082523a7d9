"""How the CPU kernels are compiled: one decorator for what Python calls, one for what kernels call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

from scorp_ns.render.cpu.kernel_cache import KernelCache
from scorp_ns.render.cpu.threads import run_chunks

__all__ = ["FASTMATH", "device_function", "kernel", "run_chunks"]

FASTMATH = frozenset({"contract", "reassoc", "nsz", "arcp", "afn"})
"""Re-ordering and fusing are allowed, so that sums vectorise; infinities and NaNs keep their meaning."""


def kernel(function: Callable[..., Any] | None = None, *, fastmath: frozenset[str] | bool = FASTMATH) -> Any:
    """The function compiled at first call without the GIL and kept on disk; use as `@kernel` or `@kernel(...)`."""
    if function is None:
        return lambda decorated: kernel(decorated, fastmath=fastmath)
    compiled = device_function(function, fastmath=fastmath)
    if isinstance(compiled, numba.core.dispatcher.Dispatcher):  # Not so under NUMBA_DISABLE_JIT.
        compiled._cache = KernelCache(function)
    return compiled


def device_function(function: Callable[..., Any] | None = None, *, fastmath: frozenset[str] | bool = FASTMATH) -> Any:
    """The function compiled into each kernel that calls it; it has no files of its own."""
    if function is None:
        return lambda decorated: device_function(decorated, fastmath=fastmath)
    return numba.njit(function, nogil=True, error_model="numpy", fastmath=_flags(fastmath))


def _flags(fastmath: frozenset[str] | bool) -> set[str] | bool:
    return fastmath if isinstance(fastmath, bool) else set(fastmath)
