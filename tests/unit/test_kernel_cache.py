"""Compiled kernels are kept between runs where they can be, and trusted only where they may be."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from scorp_ns.render.cpu import kernel_cache

COMPILE_ONE = """
    import logging
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    from scorp_ns.render.cpu.jit import kernel
    from scorp_ns.render.cpu.kernel_cache import cache_directory
    from scorp_ns.render.cpu.lanes import prefetch

    @kernel
    def double(x):
        return 2 * x

    assert double(21) == 42
    print(cache_directory())
"""


def run_alone(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Compile and call one kernel in a process of its own."""
    script = tmp_path / "compile_one.py"
    script.write_text(textwrap.dedent(COMPILE_ONE))
    found = {**os.environ, **environment}
    return subprocess.run([sys.executable, str(script)], env=found, capture_output=True, text=True, check=True)


def test_kernels_are_kept_where_the_user_says_and_survive_damage(tmp_path: Path) -> None:
    first = run_alone(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "kept"))
    assert "Compiling CPU kernels, once;" in first.stderr
    directory = Path(first.stdout.strip())
    assert directory.parent == tmp_path / "kept"
    assert "Compiling" not in run_alone(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "kept")).stderr
    for path in [*directory.rglob("*.nbc"), *directory.rglob("*.nbi")]:
        path.write_bytes(b"damaged")
    assert "it is compiled anew" in run_alone(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "kept")).stderr
    assert "Compiling" not in run_alone(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "kept")).stderr


def test_without_any_writable_directory_kernels_compile_and_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("A file is no directory, for the superuser neither.")
    monkeypatch.setattr(kernel_cache, "_candidate_parents", lambda: iter([blocked, blocked / "below"]))
    kernel_cache.cache_directory.cache_clear()
    try:
        with caplog.at_level(logging.WARNING, logger="scorp"):
            assert kernel_cache.cache_directory() is None
            kernel_cache.cache_directory()
            cache = kernel_cache.KernelCache(run_alone)
            assert cache.load_overload(None, None) is None
            cache.save_overload(None, None)
        assert caplog.messages == [
            "No directory is writable, so the CPU kernels compile in every run. Set NUMBA_CACHE_DIR to one."
        ]
    finally:
        kernel_cache.cache_directory.cache_clear()


def test_another_users_directory_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    assert not kernel_cache._is_usable(tmp_path)


def test_kernels_compiled_from_other_sources_are_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = kernel_cache.source_fingerprint()
    copy = tmp_path / "kernel_cache.py"
    copy.write_bytes(Path(kernel_cache.__file__).read_bytes())
    monkeypatch.setattr(kernel_cache, "__file__", str(copy))
    kernel_cache.source_fingerprint.cache_clear()
    try:
        assert kernel_cache.source_fingerprint() != before
    finally:
        monkeypatch.undo()
        kernel_cache.source_fingerprint.cache_clear()
