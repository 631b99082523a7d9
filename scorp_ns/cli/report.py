"""Findings as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scorp_ns import __version__
from scorp_ns.cli.findings import Finding, State

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


def fatal_names(findings: Sequence[Finding]) -> list[str]:
    """What keeps the main job from running."""
    return [finding.name for finding in findings if finding.state == "failure"]


def as_json(findings: Sequence[Finding]) -> str:
    """The findings for programs: `can_run`, `fatal`, and `findings` with `name`, `state`, `found` and `do`."""
    fatal = fatal_names(findings)
    report = {"schema": SCHEMA, "scorp": __version__, "can_run": not fatal, "fatal": fatal}
    return json.dumps(report | {"findings": [asdict(finding) for finding in findings]}, indent=2)


def report_console() -> Console:
    """Standard output, as wide as the terminal or, where there is none, wide enough for the table."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def print_table(findings: Sequence[Finding], console: Console) -> None:
    """Show the findings, what the marks mean, and the verdict; in ASCII if the output knows no more."""
    table = Table("", "looked at", "found, and what to do", title=f"scorp {__version__}", title_justify="left")
    for finding in findings:
        mark, style = _mark(finding.state, console)
        table.add_row(Text(mark, style), _text(finding.name, "", console), _found_and_do(finding, console))
    console.print(table)
    (slower, _), (stops, _) = _mark("warning", console), _mark("failure", console)
    console.print(f"{slower} something is slower, left out or not known   {stops} training or exporting cannot run")
    _print_verdict(fatal_names(findings), console)


def _print_verdict(fatal: list[str], console: Console) -> None:
    if fatal:
        verdict = _text(f"This machine cannot train and export yet. Mend: {', '.join(fatal)}.", "bold red", console)
    else:
        verdict = Text("This machine can train and export.", "bold green")
    console.print(verdict)


def _mark(state: State, console: Console) -> tuple[str, str]:
    mark, ascii_mark, style = MARKS[state]
    return (ascii_mark if console.options.ascii_only else mark), style


def _found_and_do(finding: Finding, console: Console) -> Text:
    text = _text(finding.found, "", console)
    if finding.do:
        style = "dim" if finding.state == "ok" else MARKS[finding.state][2]
        text.append("\n").append(_text(finding.do, style, console))
    return text


def _text(words: str, style: str, console: Console) -> Text:
    """Words that wrap rather than end in an ellipsis; paths and messages of others may hold any character."""
    if console.options.ascii_only:
        words = words.encode("ascii", "replace").decode()
    return Text(words, style, overflow="fold")
