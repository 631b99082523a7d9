"""What is said when a finished run cannot be written as files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
import torch
import yaml
from captures import BALL_NAMES
from finished_runs import write_finished_run
from message_snapshots import check_message, check_names
from tools import run_here

from scorp_ns.errors import ScorpError
from scorp_ns.export.whole_folder import MANIFEST

MESSAGES = Path(__file__).with_name("export_messages.json")

Fault = Callable[[Path, Path], tuple[str, ...]]
"""Breaks a run or its output folder; the command's arguments."""


@pytest.fixture(scope="module")
def whole(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_finished_run(tiny_run, tmp_path_factory.mktemp("whole"))


def other_files(run: Path, output: Path) -> tuple[str, ...]:
    output.mkdir()
    (output / "notes.txt").write_text("mine")
    return ("export", "--overwrite")


def earlier_export(run: Path, output: Path) -> tuple[str, ...]:
    output.mkdir()
    (output / MANIFEST).write_text('{"written_by": "scorp 0.1.0"}')
    return ("export",)


def file_in_the_way(run: Path, output: Path) -> tuple[str, ...]:
    output.write_text("")
    return ("export",)


def unknown_object(run: Path, output: Path) -> tuple[str, ...]:
    return ("export", "--objects", "blue ball")


def unknown_object_to_remove(run: Path, output: Path) -> tuple[str, ...]:
    return ("remove", "--object", "blue ball")


def object_without_mesh(run: Path, output: Path) -> tuple[str, ...]:
    return ("extract", "--object", BALL_NAMES[-1], "--formats", "glb", "usd")


def no_formats(run: Path, output: Path) -> tuple[str, ...]:
    return ("export", "--formats")


def tiny_texture(run: Path, output: Path) -> tuple[str, ...]:
    return ("export", "--texture-size", "4")


def few_faces(run: Path, output: Path) -> tuple[str, ...]:
    return ("export", "--target-faces", "3")


def no_weight(run: Path, output: Path) -> tuple[str, ...]:
    return ("export", "--density", "0")


def no_config(run: Path, output: Path) -> tuple[str, ...]:
    (run / "config.yml").unlink()
    return ("export",)


def broken_config(run: Path, output: Path) -> tuple[str, ...]:
    (run / "config.yml").write_text("!!python/object:scorp_ns.nowhere.Config {}")
    return ("export",)


def config_of_another_method(run: Path, output: Path) -> tuple[str, ...]:
    (run / "config.yml").write_text(yaml.dump({"method_name": "splatfacto"}))
    return ("export",)


def no_checkpoint(run: Path, output: Path) -> tuple[str, ...]:
    shutil.rmtree(run / "nerfstudio_models")
    return ("export",)


def old_checkpoint(run: Path, output: Path) -> tuple[str, ...]:
    (path,) = (run / "nerfstudio_models").iterdir()
    state = torch.load(path, weights_only=True)
    del state["scorp"]["capture_to_world"]
    torch.save(state, path)
    return ("export",)


def newer_checkpoint(run: Path, output: Path) -> tuple[str, ...]:
    (path,) = (run / "nerfstudio_models").iterdir()
    state = torch.load(path, weights_only=True)
    state["pipeline"]["_model.time_machine.past"] = torch.zeros(1)
    torch.save(state, path)
    return ("export",)


def proxies_of_another_make(run: Path, output: Path) -> tuple[str, ...]:
    (path,) = (run / "nerfstudio_models").iterdir()
    state = torch.load(path, weights_only=True)
    name = next(name for name in state["pipeline"] if name.endswith("field.mean_color"))
    del state["pipeline"][name]
    torch.save(state, path)
    return ("export",)


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        other_files,
        earlier_export,
        file_in_the_way,
        unknown_object,
        unknown_object_to_remove,
        object_without_mesh,
        no_formats,
        tiny_texture,
        few_faces,
        no_weight,
        no_config,
        broken_config,
        config_of_another_method,
        no_checkpoint,
        old_checkpoint,
        newer_checkpoint,
        proxies_of_another_make,
    )
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_said(name: str, whole: Path, tmp_path: Path):
    run, output = tmp_path / "run", tmp_path / "out"
    shutil.copytree(whole, run)
    command, *options = FAULTS[name](run, output)
    check_message(MESSAGES, name, said(tmp_path, command, run, output, options), [*FAULTS, "no_package"])


def said(tmp_path: Path, command: str, run: Path, output: Path, options: list[str]) -> str:
    """The message, and that nothing is left of what failed."""
    before = sorted(tmp_path.iterdir())
    with mock.patch("scorp_ns.cli.main._show") as shown, pytest.raises(SystemExit) as ended:
        run_here("scorp", command, "--load-config", run / "config.yml", "--output-dir", output, *options)
    assert ended.value.code == 1
    assert sorted(tmp_path.iterdir()) == before
    return shown.call_args.args[0].replace(str(tmp_path), "FOLDER").strip()


def test_a_missing_package_is_named_with_the_line_that_installs_it(whole: Path, tmp_path: Path):
    with mock.patch.dict("sys.modules", {"pxr": None}):
        message = said(tmp_path, "export", whole, tmp_path / "out", ["--formats", "usdz"])
    check_message(MESSAGES, "no_package", message, [*FAULTS, "no_package"])


def test_every_fault_has_its_message():
    check_names(MESSAGES, [*FAULTS, "no_package"])


def test_errors_of_the_choices_are_ours():
    from scorp_ns.finished.choices import ExportChoices

    with pytest.raises(ScorpError, match="convex-parts"):
        ExportChoices(("splat",), convex_parts=0)
