"""Compiled kernels kept on disk between runs, by numba's own cache in a folder that no other sources share."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import pickle
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
from numba.core import caching
from numba.core import config as numba_config

config: Any = numba_config
"""Typed as anything: Numba sets its values while it loads."""

logger = logging.getLogger("scorp")

DAMAGE = (OSError, EOFError, pickle.PickleError, ArithmeticError, AttributeError, ImportError, LookupError, MemoryError,
          RuntimeError, TypeError, ValueError)  # fmt: skip
"""Errors of a damaged pickle or object file. Not all of `Exception`: a viewer interrupts renders by its own."""

EXPECTED_COMPILE_SECONDS = 12
"""Seconds the kernels of a training step take to compile on one core; only ever shown, never waited for."""


@functools.cache
def source_fingerprint() -> str:
    """Short hash of everything compiled code depends on: our kernel sources, numba, LLVM, Python and the processor.

    Numba itself looks at the file of the kernel alone, not at those of the functions that are compiled into it.
    """
    digest = hashlib.sha256()
    package = Path(__file__).parents[2]
    for path in sorted({*Path(__file__).parent.glob("*.py"), *package.rglob("*_kernel*.py")}):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    llvm = llvmlite.binding
    machine = (numba.__version__, llvm.llvm_version_info, sys.version, llvm.get_host_cpu_name())
    digest.update(repr((machine, llvm.get_host_cpu_features().flatten())).encode())
    return digest.hexdigest()[:16]


def _candidate_parents() -> Iterator[Path]:
    """Directories that may hold the cache, best first: the user's choice, the user's cache folder, a temporary one."""
    if config.CACHE_DIR:
        yield Path(config.CACHE_DIR)
    with suppress(RuntimeError):  # There may be no home.
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scorp"
    # Cached code is executed when loaded, so the shared temporary directory gets one folder a user.
    with suppress(OSError):
        yield Path(tempfile.gettempdir()) / f"scorp-{os.getuid() if hasattr(os, 'getuid') else 'user'}"


def _is_usable(directory: Path) -> bool:
    """True if files can be written there and no other user may have planted code in it."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid") and directory.stat().st_uid != os.getuid():
            return False
        with tempfile.TemporaryFile(dir=directory):
            return True
    except OSError:
        return False


@functools.cache
def cache_directory() -> Path | None:
    """The directory compiled kernels are kept in, or None (said once) where nothing can be written."""
    candidates = (parent / f"kernels-{source_fingerprint()}" for parent in _candidate_parents())
    directory = next(filter(_is_usable, candidates), None)
    if directory is None:
        logger.warning("No directory is writable, so the CPU kernels compile in every run. Set NUMBA_CACHE_DIR to one.")
    return directory


@functools.cache
def _announce_compilation() -> None:
    """Say, once in a process, that the first step takes longer than the ones after it."""
    again = "once" if cache_directory() else "in this run"
    message = f"Compiling CPU kernels, {again}; about {EXPECTED_COMPILE_SECONDS} s ..."
    logger.info(message)
    with suppress(ImportError):
        from rich.console import Console

        Console(stderr=True).print(message, style="dim")


class KernelCache(caching.NullCache):
    """Numba's on-disk cache of one kernel, with every failure turned into a compilation."""

    def __init__(self, py_func: Callable[..., Any]) -> None:
        self._py_func = py_func

    @functools.cached_property
    def _files(self) -> caching.Cache | caching.NullCache:
        """Made at first use, within numba's lock: importing a module of kernels neither reads nor writes the disk."""
        directory = cache_directory()
        if directory is None:
            return caching.NullCache()
        chosen, config.CACHE_DIR = config.CACHE_DIR, str(directory)
        try:
            return caching.FunctionCache(self._py_func)
        finally:
            config.CACHE_DIR = chosen

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled kernel for these argument types, or None when it has to be compiled."""
        loaded = None
        try:
            loaded = self._files.load_overload(sig, target_context)
        except DAMAGE as error:
            name = self._py_func.__name__
            logger.warning("The cached kernel %s cannot be read (%s); it is compiled anew.", name, error)
            with suppress(*DAMAGE):
                self._files.flush()
        if loaded is None:
            _announce_compilation()
        return loaded

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel for the next run if the disk lets us."""
        try:
            self._files.save_overload(sig, data)
        except DAMAGE as error:  # A full or vanished disk must not end a run that has what it needs.
            name = self._py_func.__name__
            logger.warning("The compiled kernel %s cannot be kept (%s); the next run compiles it.", name, error)
