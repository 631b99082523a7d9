"""What goes wrong with a run, rather than with its capture, is said in the words of these tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from captures import edit, write_capture
from tools import run_here, train_arguments
from warm_processes import run_warm

from scorp_ns.errors import ScorpError
from scorp_ns.host.checkpoint import checkpoint_path


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_capture(tmp_path_factory.mktemp("errors") / "capture")


def train(capture: Path, output: Path, *extra: str | Path) -> ScorpError:
    with pytest.raises(ScorpError) as raised:
        run_here("ns-train", *train_arguments(capture, output, "--max-num-iterations", "2", *extra))
    return raised.value


def test_an_output_folder_that_cannot_be_written(capture: Path, tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    error = train(capture, tmp_path / "file" / "outputs")
    assert error.found == (
        f"The output folder {tmp_path}/file/outputs/run/scorp-quick/test cannot be written (Not a directory)."
    )
    assert error.do == "Choose another place with --output-dir, or mend its permissions."


def test_a_checkpoint_cut_in_half(capture: Path, tiny_run: Path, tmp_path: Path):
    (whole,) = (tiny_run / "nerfstudio_models").iterdir()
    cut = tmp_path / "nerfstudio_models" / whole.name
    cut.parent.mkdir()
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    error = train(capture, tmp_path, "--load-dir", cut.parent)
    assert error.found == f"The checkpoint {cut} cannot be read; it is damaged or cut short."
    assert error.needed == "A whole checkpoint is needed to resume."
    assert error.do == f"Use an earlier one with --load-step, if {cut.parent} has any, or train anew."


def test_a_checkpoint_of_another_method(capture: Path, tmp_path: Path):
    path = checkpoint_path(tmp_path, 100)
    torch.save({"step": 100, "pipeline": {"_model.field.weight": torch.zeros(2)}}, path)
    error = train(capture, tmp_path, "--load-checkpoint", path)
    assert error.found == f"The checkpoint {path} was not written by `ns-train scorp`."
    assert error.do == "Resume it with the method that wrote it, or train anew."


def test_a_folder_without_checkpoints(capture: Path, tmp_path: Path):
    error = train(capture, tmp_path, "--load-dir", tmp_path)
    assert error.found == f"There is no checkpoint in {tmp_path}."
    assert error.do == "Give --load-dir the folder 'nerfstudio_models' of the run to continue."


def test_a_checkpoint_of_a_run_with_other_options(capture: Path, tiny_run: Path, tmp_path: Path):
    options = ("--pipeline.model.camera-optimizer.mode", "SO3xR3", "--max-num-iterations", "100")
    error = train(capture, tmp_path, "--load-dir", tiny_run, *options)
    assert error.needed == "A resumed run trains what the first one did."


def test_panoramas_are_refused_rather_than_misread(tmp_path: Path):
    capture = write_capture(tmp_path / "capture")
    edit(camera_model="EQUIRECTANGULAR")(capture)
    error = train(capture, tmp_path)
    assert error.found == "The capture has cameras of type EQUIRECTANGULAR without lens distortion parameters."


def test_an_error_ends_with_its_message_and_no_traceback(tmp_path: Path):
    code, printed = run_warm("ns-train", *train_arguments(tmp_path / "nowhere", tmp_path))
    assert code == 1
    assert "Traceback" not in printed
    assert " ".join(printed.split()).endswith("or use `scorp export`, which needs no photographs.")


def test_a_run_whose_capture_has_moved_says_where_to_tell_it(tiny_run: Path, tmp_path: Path, monkeypatch):
    copy = shutil.copytree(tiny_run, tmp_path / "run")
    config, capture = copy / "config.yml", write_capture(tmp_path / "moved")
    given = yaml.load(config.read_text(), Loader=yaml.Loader).data
    monkeypatch.chdir(tmp_path)
    written = "\n".join(f"- {part}" for part in given.parts)
    text = config.read_text()
    assert text.index(written) < text.index("pipeline:"), "the data stand near the top"
    config.write_text(text.replace(written, "- gone", 1))
    export = ("gaussian-splat", "--load-config", config, "--output-dir", tmp_path / "out")
    with pytest.raises(ScorpError) as raised:
        run_here("ns-export", *export)
    assert raised.value.found == f"'gone' does not exist in {tmp_path}."
    assert "config.yml" in raised.value.do and "`scorp export`" in raised.value.do
    config.write_text(config.read_text().replace("- gone", f"- {capture}", 1))
    run_here("ns-export", *export)
    assert (tmp_path / "out" / "splat.ply").is_file(), "what the message says to do works"


def test_a_checkpoint_of_another_sh_degree(capture: Path, tiny_run: Path, tmp_path: Path):
    options = ("--pipeline.model.sh-degree", "0", "--max-num-iterations", "400")
    error = train(capture, tmp_path, "--load-dir", tiny_run, *options)
    assert "do not fit --pipeline.model.sh-degree 0" in error.found


def test_a_checkpoint_of_another_capture(tiny_run: Path, tmp_path: Path):
    smaller = write_capture(tmp_path / "capture", num_views=11)
    error = train(smaller, tmp_path, "--load-dir", tiny_run, "--max-num-iterations", "400")
    assert "that are not the" in error.found
    assert error.do == "Give --data and the data parser's options of the first run again."


def cut_in_half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def break_a_chunk(content: bytes) -> bytes:
    """The same PNG with a wrong name and checksum where its pixels begin; its header stays whole."""
    return content.replace(b"IDAT", b"I@AT", 1)


@pytest.mark.parametrize("damage", [cut_in_half, break_a_chunk])
def test_an_image_that_cannot_be_decoded(tmp_path: Path, damage: Callable[[bytes], bytes]):
    capture = write_capture(tmp_path / "capture")
    image = capture / "images" / "0003.png"
    image.write_bytes(damage(image.read_bytes()))
    error = train(capture, tmp_path)
    assert str(image) in error.found or image.name in error.found
