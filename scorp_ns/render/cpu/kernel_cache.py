"""Compiled kernels kept on disk between runs: where they lie, and how a bad file never stops a run."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import pickle
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
from numba.core import caching, config

logger = logging.getLogger("scorp")

DAMAGE = (OSError, EOFError, pickle.PickleError, ArithmeticError, AttributeError, ImportError, LookupError, MemoryError,
          RuntimeError, TypeError, ValueError)  # fmt: skip
"""What a damaged pickle or object file may raise. Not all of `Exception`: a viewer interrupts renders by its own."""

EXPECTED_COMPILE_SECONDS = 12
"""Seconds the kernels of a training step take to compile on one core; only ever shown, never waited for."""


@functools.cache
def source_fingerprint() -> str:
    """Short hash of everything compiled code depends on: our kernel sources, numba, LLVM, Python and the processor."""
    digest = hashlib.sha256()
    package = Path(__file__).parents[2]
    for path in sorted({*Path(__file__).parent.glob("*.py"), *package.rglob("*_kernels.py")}):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    llvm = llvmlite.binding
    # Numba's own key has the processor as well, but a directory that says so can be deleted by hand with confidence.
    machine = (numba.__version__, llvm.llvm_version_info, sys.version, llvm.get_host_cpu_name())
    features = llvm.get_host_cpu_features().flatten()
    digest.update(repr((machine, features)).encode())
    return digest.hexdigest()[:16]


def _candidate_parents() -> Iterator[Path]:
    """Directories that may hold the cache, best first: the user's choice, the user's cache folder, a temporary one."""
    chosen: str = config.CACHE_DIR  # pyright: ignore[reportAttributeAccessIssue]  # Numba sets it while it loads.
    if chosen:
        yield Path(chosen)
    xdg = os.environ.get("XDG_CACHE_HOME")
    try:
        yield Path(xdg) / "scorp" if xdg else Path.home() / ".cache" / "scorp"
    except RuntimeError:
        logger.debug("There is no home directory to keep compiled kernels in.")
    # Cached code is executed when loaded, so the shared temporary directory gets one folder a user.
    user = os.getuid() if hasattr(os, "getuid") else "user"
    try:
        yield Path(tempfile.gettempdir()) / f"scorp-{user}"
    except OSError:
        logger.debug("There is no temporary directory to keep compiled kernels in.")


def _is_usable(directory: Path) -> bool:
    """Whether files can be written there and nobody else may have planted code in it."""
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
    for parent in _candidate_parents():
        directory = parent / f"kernels-{source_fingerprint()}"
        if _is_usable(directory):
            return directory
    logger.warning("No directory is writable, so the CPU kernels compile in every run. Set NUMBA_CACHE_DIR to one.")
    return None


@functools.cache
def _announce_compilation() -> None:
    """Say, once in a process, that the first step takes longer than the ones after it."""
    again = "once" if cache_directory() else "in this run"
    message = f"Compiling CPU kernels, {again}; about {EXPECTED_COMPILE_SECONDS} s ..."
    logger.info(message)
    try:
        from rich.console import Console
    except ImportError:
        return
    Console(stderr=True).print(message, style="dim")


class _FingerprintLocator(caching._CacheLocator):
    """Puts a kernel's files in the directory of the present fingerprint, so any change means another directory."""

    def __init__(self, py_func: Callable[..., Any]) -> None:
        self._py_file = py_func.__code__.co_filename
        self._lineno = py_func.__code__.co_firstlineno

    def get_cache_path(self) -> str:
        return str(cache_directory())

    def get_source_stamp(self) -> str:
        return source_fingerprint()

    def get_disambiguator(self) -> str:
        return str(self._lineno)

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> _FingerprintLocator:
        return cls(py_func)


class _FingerprintCacheImpl(caching.CompileResultCacheImpl):
    _locator_classes = (_FingerprintLocator,)

    def __init__(self, py_func: Callable[..., Any]) -> None:
        super().__init__(py_func)
        # NUMBA_CACHE_LOCATOR_CLASSES may have chosen another; a kernel's place depends on the fingerprint alone.
        self._locator = _FingerprintLocator(py_func)


class _FileCache(caching.FunctionCache):
    _impl_class = _FingerprintCacheImpl


class KernelCache(caching.NullCache):
    """Numba's on-disk cache of one kernel, with every failure turned into a compilation."""

    def __init__(self, py_func: Callable[..., Any]) -> None:
        self._name = py_func.__name__
        self._py_func = py_func

    @functools.cached_property
    def _files(self) -> _FileCache | None:
        # Made at first use: importing a module of kernels neither reads nor writes the disk.
        return _FileCache(self._py_func) if cache_directory() else None

    @property
    def cache_path(self) -> str | None:
        return self._files.cache_path if self._files else None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled kernel for these argument types, or None when it has to be compiled."""
        loaded = None
        if self._files:
            try:
                loaded = self._files.load_overload(sig, target_context)
            except DAMAGE as error:
                logger.warning("The cached kernel %s cannot be read (%s); it is compiled anew.", self._name, error)
                self.flush()
        if loaded is None:
            _announce_compilation()
        return loaded

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel for the next run if the disk lets us."""
        if not self._files:
            return
        try:
            self._files.save_overload(sig, data)
        except DAMAGE as error:  # A full or vanished disk must not end a run that has what it needs.
            logger.warning("The compiled kernel %s cannot be kept (%s); the next run compiles it.", self._name, error)

    def flush(self) -> None:
        """Forget what is on disk for this kernel."""
        if not self._files:
            return
        try:
            self._files.flush()
        except OSError as error:
            logger.debug("The cache of kernel %s cannot be cleared: %s", self._name, error)
