"""What goes wrong while the doctor looks is told like anything else, and never stops it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from functools import partial
from importlib import metadata
from pathlib import Path

import pytest
from rich.console import Console

from scorp_ns.cli import doctor, main
from scorp_ns.cli.checks import Answer, Check, Finding, build_program, failure, ok
from scorp_ns.cli.doctor import examine
from scorp_ns.errors import ScorpError

FINDINGS = [Finding("a", "ok", "fine", ""), Finding("b", "warning", "größer", "x"), Finding("c", "failure", "no", "y")]


def crash() -> Answer:
    os.abort()


def hang() -> Answer:
    time.sleep(60)
    return ok("late")


def give_up() -> Answer:
    raise SystemExit("a library gave up")


def shout() -> Answer:
    os.write(1, b"shouted to standard output")
    return ok("heard nothing?")


def refuse() -> Answer:
    return failure("refused", "ask again")


def test_what_goes_wrong_while_looking_is_a_finding():
    check = Check("x", give_up, "do this", is_fatal=True)
    assert check.examine() == Finding("x", "failure", "SystemExit: a library gave up", "do this")
    assert Check("x", give_up, "do this").examine() == Finding(
        "x", "warning", "SystemExit: a library gave up", "do this"
    )
    with pytest.raises(KeyboardInterrupt):
        Check("x", lambda: (_ for _ in ()).throw(KeyboardInterrupt)).examine()


def test_a_crash_stops_nothing_else(capfd: pytest.CaptureFixture[str]):
    checks = [
        Check("crash", crash, "mend it", is_fatal=True),
        Check("refuse", refuse, is_fatal=True),
        Check("first in need", shout, needs=("crash",)),
        Check("second in need", shout, needs=("first in need", "refuse")),
        Check("shout", shout),
        Check("no such question", partial(build_program, "ninja", "")),
    ]
    found = {finding.name: finding for _, finding in examine(checks) if finding}
    assert found.pop("crash") == Finding("crash", "failure", "looking at it crashed Python (Aborted)", "mend it")
    assert found.pop("refuse") == Finding("refuse", "failure", "refused", "ask again")
    assert found.pop("first in need").do == "Mend first: crash."
    assert found.pop("second in need").do == "Mend first: first in need, refuse."
    assert found == {"shout": Finding("shout", "ok", "heard nothing?", "")}
    assert capfd.readouterr().out == ""


def test_what_never_answers_is_given_up():
    (_, nothing), (_, finding) = examine([Check("hang", hang)], time_limit=1.0)
    assert nothing is None and finding == Finding("hang", "warning", "no answer within 1 s", "")


def test_the_json_keeps_to_its_schema():
    told = json.loads(doctor.as_json(FINDINGS))
    assert {**told, "findings": None} == {
        "schema": 1,
        "scorp": metadata.version("scorp-ns"),
        "can_run": False,
        "fatal": ["c"],
        "findings": None,
    }
    assert told["findings"][1] == {"name": "b", "state": "warning", "found": "größer", "do": "x"}
    assert json.loads(doctor.as_json(FINDINGS[:2]))["can_run"] is True


@pytest.mark.parametrize(("encoding", "marks"), [("utf-8", "✓!✗"), ("ascii", "ok!X"), ("latin-1", "ok!X")])
def test_the_table_shows_what_the_terminal_can(encoding: str, marks: str):
    output = io.BytesIO()
    stream = io.TextIOWrapper(output, encoding)
    doctor.print_table(FINDINGS, Console(file=stream, width=80))
    stream.flush()
    shown = output.getvalue().decode(encoding)
    assert set(marks) <= set(shown)
    assert "Mend: c." in shown and ("größer" in shown) == (encoding == "utf-8")


@pytest.mark.parametrize(("findings", "code"), [(FINDINGS[:2], 0), (FINDINGS, 1)])
def test_the_exit_code_says_whether_the_main_job_can_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], findings: list[Finding], code: int
):
    monkeypatch.setattr(doctor, "examine_visibly", lambda checks: findings)
    assert doctor.Doctor(json=True).main() == code
    assert json.loads(capsys.readouterr().out)["can_run"] == (code == 0)
    assert doctor.Doctor().main() == code
    assert "größer" in capsys.readouterr().out


def test_the_names_of_checks_are_unique_and_needed_ones_come_first():
    seen: set[str] = set()
    for check in doctor.all_checks(Path("outputs")):
        assert check.name not in seen and set(check.needs) <= seen
        seen.add(check.name)


def test_errors_of_ours_are_messages_and_ctrl_c_is_none(capsys: pytest.CaptureFixture[str]):
    def fail() -> int:
        raise ScorpError("Found [this].", "Needed that.", "Do so.")

    def interrupt() -> int:
        raise KeyboardInterrupt

    assert main.exit_code(fail) == 1
    assert capsys.readouterr().err == "\nFound [this].\nNeeded that.\nDo so.\n"
    assert main.exit_code(interrupt) == 130
    assert capsys.readouterr().err == "\nInterrupted.\n"


def test_importing_the_command_loads_nothing_heavy():
    program = """if True:
        import sys, scorp_ns.cli.main
        heavy = {"torch", "numpy", "nerfstudio", "rich", "tyro", "numba"} & set(sys.modules)
        raise SystemExit(f"loaded {heavy}" if heavy else 0)
    """
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
