"""The command `scorp`, run as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tools import run

from scorp_ns.cli.main import exit_code


def test_the_doctor_finds_this_machine_able_to_run(tmp_path: Path):
    code, output = run("scorp", "doctor", "--output-dir", tmp_path)
    assert code == 0, output
    for words in ("torch", "CPU renderer", "draws and differentiates", str(tmp_path)[:20], "can train and export"):
        assert words in output
    assert "✗ │" not in output and "Traceback" not in output


def test_a_broken_installation_is_told_and_not_suffered(tmp_path: Path):
    for package, program in {
        "torchvision": "raise RuntimeError('operator torchvision::nms does not exist')",
        "open3d": "import os; os.abort()",
    }.items():
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(program)
    code, output = run("scorp", "doctor", "--json", "--output-dir", tmp_path, PYTHONPATH=str(tmp_path))
    report = json.loads(output)
    assert code == 1 and report["fatal"] == ["torchvision", "open3d"]
    found = {finding["name"]: finding for finding in report["findings"]}
    assert "nms does not exist" in found["torchvision"]["found"]
    assert found["open3d"]["found"] == "looking at it crashed Python (Aborted)"
    assert found["methods of ns-train"]["do"] == "Mend first: torchvision."
    assert found["CPU renderer"]["state"] == "ok"


def test_a_terminal_that_knows_ascii_only_gets_ascii(tmp_path: Path):
    broken = tmp_path / "torch"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('no torch à la carte')")
    options = {"PYTHONPATH": str(tmp_path), "PYTHONIOENCODING": "ascii"}
    code, output = run("scorp", "doctor", "--output-dir", tmp_path, **options)
    assert code == 1 and output.isascii() and "no torch ? la carte" in output and "Mend: torch." in output


@pytest.mark.parametrize("arguments", [("nonsense",), (), ("doctor", "--nonsense")])
def test_a_command_that_does_not_exist_is_a_usage_error(arguments: tuple[str, ...]):
    code, output = run("scorp", *arguments)
    assert code == 2 and "Traceback" not in output


def test_help_lists_the_commands():
    code, output = run("scorp", "--help")
    assert code == 0 and "doctor" in output and "what works on this machine" in " ".join(output.split())


def test_ctrl_c_is_no_error(capsys: pytest.CaptureFixture[str]):
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert exit_code(interrupted) == 130
    assert capsys.readouterr().err.strip() == "Interrupted."


def test_nothing_foreign_is_told_before_an_answer(tmp_path: Path):
    code, output = run("scorp", "export", "--load-config", tmp_path / "config.yml", "--output-dir", tmp_path / "out")
    assert code == 1 and output.strip().startswith("The run's configuration"), output
