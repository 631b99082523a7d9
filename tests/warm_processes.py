"""Console scripts in processes of their own that begin as copies of one that has done the ten seconds of imports."""

from __future__ import annotations

import inspect
import multiprocessing
import os
import sys
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from tempfile import TemporaryDirectory

from tools import run_here

IMPORTS = ["nerfstudio.scripts.train", "nerfstudio.configs.method_configs", "scorp_ns.trainer", "scorp_ns.model"]
"""What a training run loads before it begins."""

STDOUT, STDERR = 1, 2
"""What every process prints to."""

PATIENCE = 300
"""Seconds after which a process is taken for stuck."""


def run_warm(command: str, *arguments: str | Path, program: str = "") -> tuple[int, str]:
    """Run a console script, after some lines of Python, in a process of its own: its exit code and all it printed.

    The exit code is negative where a signal ended it.
    """
    with TemporaryDirectory() as folder:
        log = Path(folder, "log")
        process = _context().Process(target=_run_script, args=(log, command, [*map(str, arguments)], program))
        process.start()
        process.join(PATIENCE)
        if process.exitcode is None:
            process.kill()
            process.join()
        assert process.exitcode is not None
        return process.exitcode, log.read_text(errors="replace")


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTS)
    return context


def _run_script(log: Path, command: str, arguments: list[str], program: str) -> None:
    """What the new process does."""
    with log.open("wb") as file:
        for descriptor in (STDOUT, STDERR):
            os.dup2(file.fileno(), descriptor)
    exec(inspect.cleandoc(program), {"__name__": "before"})
    try:
        run_here(command, *arguments)
    except Exception:  # As Python ends a script, where multiprocessing would print a traceback of its own.
        sys.excepthook(*sys.exc_info())
        sys.exit(1)
