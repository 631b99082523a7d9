"""`scorp doctor`: what is installed, what of it works here, and what to do about the rest.

Checks run in a process of their own: a library that crashes or hangs takes down its own check and no more.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING

from scorp_ns import __version__
from scorp_ns.cli.checks import Check, Finding, State, all_checks

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

TIME_LIMIT = 300.0
"""Seconds after which a check is given up; compiling the CPU kernels on a slow machine is the longest that is well."""

SCHEMA = 1
"""Counts up when the meaning of the JSON changes; new keys may come without that."""

WIDTH = 120
"""Columns of the report where the output is no terminal."""

MARKS: dict[State, tuple[str, str, str]] = {
    "ok": ("✓", "ok", "green"),
    "warning": ("!", "!", "yellow"),
    "failure": ("✗", "X", "bold red"),
}
"""A mark, the same in ASCII, and its style."""


@dataclass
class Doctor:
    """Say what works on this machine and what to do about the rest; exit code 1 if it cannot train and export."""

    json: bool = False
    """Print the findings as JSON, for programs."""
    output_dir: Path = Path("outputs")
    """The folder you want to train to; its free space is looked at."""

    def main(self) -> int:
        """Look at everything, report it, and return the exit code."""
        from rich.console import Console

        findings = examine_visibly(all_checks(self.output_dir))
        if self.json:
            sys.stdout.write(as_json(findings) + "\n")
        else:
            console = Console()
            print_table(findings, console if console.is_terminal else Console(width=WIDTH))
        return 1 if fatal_names(findings) else 0


def examine_visibly(checks: list[Check]) -> list[Finding]:
    """The findings; a terminal shows meanwhile what is looked at."""
    from rich.console import Console

    findings = []
    with Console(file=sys.stderr).status("", spinner="line") as status:
        for check, finding in examine(checks):
            if finding is None:
                status.update(f"Looking at {check.name} ...")
            else:
                findings.append(finding)
    return findings


def examine(checks: Sequence[Check], time_limit: float = TIME_LIMIT) -> Iterator[tuple[Check, Finding | None]]:
    """The checks in their order, first without and then with their findings; those that do not apply have none."""
    unusable: set[str] = set()
    process = pipe = None
    try:
        for check in checks:
            yield check, None
            lacking = [name for name in check.needs if name in unusable]
            if lacking:
                finding = Finding(check.name, "warning", "not looked at", f"Mend first: {', '.join(lacking)}.")
            else:
                if process is None or pipe is None or not process.is_alive():
                    process, pipe = _start()
                finding = _ask(process, pipe, check, time_limit)
            if lacking or (finding and finding.state == "failure"):
                unusable.add(check.name)
            if finding:
                yield check, finding
    finally:
        if process:
            process.kill()
            process.join()


def _start() -> tuple[BaseProcess, Connection]:
    """A process that looks at what it is told to, and the pipe to tell it."""
    context = multiprocessing.get_context("spawn")
    pipe, other = context.Pipe()
    process = context.Process(target=_answer_requests, args=(other,), daemon=True)
    process.start()
    other.close()
    return process, pipe


def _ask(process: BaseProcess, pipe: Connection, check: Check, time_limit: float) -> Finding | None:
    """The finding, also if the check ends the process or never ends; None if the check does not apply."""
    try:
        pipe.send(check)
        if pipe.poll(time_limit):
            return pipe.recv()
        found = f"no answer within {time_limit:.0f} s"
    except (EOFError, OSError) as error:
        process.join(timeout=5)
        code = process.exitcode
        end = "" if code is None else signal.strsignal(-code) if code < 0 else f"exit code {code}"
        found = f"looking at it crashed Python ({end or error})"
    process.kill()
    process.join()
    return check.broken(found)


def _answer_requests(pipe: Connection) -> None:
    """Look at one thing after the other until the pipe closes; what libraries print, also in C, goes nowhere."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        stream.flush()
        os.dup2(nowhere, number)
    while True:
        try:
            check: Check = pipe.recv()
        except EOFError:
            return
        pipe.send(check.examine())


def fatal_names(findings: Sequence[Finding]) -> list[str]:
    """Names of the checks that keep the main job from running."""
    return [finding.name for finding in findings if finding.state == "failure"]


def as_json(findings: Sequence[Finding]) -> str:
    """The findings for programs: `can_run`, `fatal`, and `findings` with `name`, `state`, `found` and `do`."""
    fatal = fatal_names(findings)
    report = {"schema": SCHEMA, "scorp": __version__, "can_run": not fatal, "fatal": fatal}
    return json.dumps(report | {"findings": [asdict(finding) for finding in findings]}, indent=2)


def print_table(findings: Sequence[Finding], console: Console) -> None:
    """Show the findings, what the marks mean, and the verdict; in ASCII if the output knows no more."""
    from rich.table import Table

    table = Table("", "looked at", "found, and what to do", title=f"scorp {__version__}", title_justify="left")
    for finding in findings:
        mark, style = _mark(finding.state, console)
        found = _text(finding.found, "", console)
        if finding.do:
            found.append("\n").append(_text(finding.do, "dim" if finding.state == "ok" else style, console))
        table.add_row(_text(mark, style, console), _text(finding.name, "", console), found)
    console.print(table)
    (slower, _), (stops, style) = _mark("warning", console), _mark("failure", console)
    console.print(f"{slower} something is slower, left out or not known   {stops} training or exporting cannot run")
    fatal = fatal_names(findings)
    if fatal:
        verdict = _text(f"This machine cannot train and export yet. Mend: {', '.join(fatal)}.", style, console)
    else:
        verdict = _text("This machine can train and export.", "bold green", console)
    console.print(verdict)


def _mark(state: State, console: Console) -> tuple[str, str]:
    mark, ascii_mark, style = MARKS[state]
    return (ascii_mark if console.options.ascii_only else mark), style


def _text(words: str, style: str, console: Console) -> Text:
    """Words that wrap rather than end in an ellipsis; paths and messages of others may hold any character."""
    from rich.text import Text

    if console.options.ascii_only:
        words = words.encode("ascii", "replace").decode()
    return Text(words, style, overflow="fold")
