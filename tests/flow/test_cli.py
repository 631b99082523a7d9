"""The command `scorp`, run as a user runs it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tools import run, run_here

from scorp_ns.cli import doctor
from scorp_ns.cli.checks import all_checks


def test_the_doctor_finds_this_machine_able_to_run(tmp_path: Path):
    code, output = run("scorp", "doctor", "--output-dir", tmp_path)
    assert code == 0, output
    for words in ("torch", "CPU renderer", "draws and differentiates", str(tmp_path)[:20], "can train and export"):
        assert words in output
    assert "✗ │" not in output and "Traceback" not in output


@pytest.fixture
def doctor_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """From the programs of broken packages, and the names of checks, to the exit code of a doctor of them alone."""

    def examine(broken: dict[str, str], *names: str, **options: Any) -> int:
        for package, program in broken.items():
            (tmp_path / package).mkdir()
            (tmp_path / package / "__init__.py").write_text(program)
        monkeypatch.syspath_prepend(tmp_path)  # The process that looks has the path of this one.
        chosen = [check for check in all_checks(tmp_path) if check.name in names]
        assert len(chosen) == len(names)
        monkeypatch.setattr(doctor, "all_checks", lambda _: chosen)
        return doctor.Doctor(**options).main()

    return examine


def test_a_broken_installation_is_told_and_not_suffered(
    doctor_of: Callable[..., int], capsys: pytest.CaptureFixture[str]
):
    broken = {
        "torchvision": "raise RuntimeError('operator torchvision::nms does not exist')",
        "open3d": "import os; os.abort()",
    }
    needed = ("scorp", "torch", "nerfstudio", "methods of ns-train", "CPU kernels", "CPU renderer")
    code = doctor_of(broken, *broken, *needed, json=True)
    report = json.loads(capsys.readouterr().out)
    assert code == 1 and report["fatal"] == ["torchvision", "open3d"]
    found = {finding["name"]: finding for finding in report["findings"]}
    assert "nms does not exist" in found["torchvision"]["found"]
    assert found["open3d"]["found"] == "looking at it crashed Python (Aborted)"
    assert found["methods of ns-train"]["do"] == "Mend first: torchvision."
    assert found["CPU renderer"]["state"] == "ok"


def test_a_terminal_that_knows_ascii_only_gets_ascii(
    doctor_of: Callable[..., int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    output = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(output, "ascii", write_through=True))
    assert doctor_of({"torch": "raise ImportError('no torch à la carte')"}, "torch") == 1
    told = output.getvalue().decode("ascii")
    assert "no torch ? la carte" in told and "Mend: torch." in told


@pytest.mark.parametrize("arguments", [("nonsense",), (), ("doctor", "--nonsense")])
def test_a_command_that_does_not_exist_is_a_usage_error(arguments: tuple[str, ...]):
    with pytest.raises(SystemExit) as ended:
        run_here("scorp", *arguments)
    assert ended.value.code == 2


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        run_here("scorp", "--help")
    output = capsys.readouterr().out
    assert ended.value.code == 0 and "doctor" in output and "what works on this machine" in " ".join(output.split())


def test_nothing_foreign_is_told_before_an_answer(tmp_path: Path):
    code, output = run("scorp", "export", "--load-config", tmp_path / "config.yml", "--output-dir", tmp_path / "out")
    assert code == 1 and output.strip().startswith("The run's configuration"), output
