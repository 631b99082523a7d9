"""A folder of results appears whole or not at all, and never over what somebody else wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from full_disks import files_no_larger_than

from scorp_ns.errors import OutputError
from scorp_ns.export.whole_folder import MANIFEST, WRITTEN_BY, whole_folder


def write(folder: Path, text: str, overwrite: bool = False) -> None:
    with whole_folder(folder, overwrite) as unfinished:
        (unfinished / "file").write_text(text)
        (unfinished / MANIFEST).write_text(json.dumps({WRITTEN_BY: "scorp 0"}))


def test_files_come_together(tmp_path: Path):
    write(tmp_path / "deep" / "out", "one")
    assert (tmp_path / "deep" / "out" / "file").read_text() == "one"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]


def test_an_empty_folder_is_taken(tmp_path: Path):
    (tmp_path / "out").mkdir()
    write(tmp_path / "out", "one")
    assert (tmp_path / "out" / "file").read_text() == "one"


def test_an_earlier_export_is_replaced_only_when_asked(tmp_path: Path):
    write(tmp_path / "out", "one")
    (tmp_path / "out" / "another").write_text("old")
    with pytest.raises(OutputError, match="--overwrite"):
        write(tmp_path / "out", "two")
    assert (tmp_path / "out" / "file").read_text() == "one"
    write(tmp_path / "out", "two", overwrite=True)
    assert (tmp_path / "out" / "file").read_text() == "two"
    assert (tmp_path / "out" / "another").read_text() == "old", "what is not ours stays"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("content", [None, "[]", "{}", '{"written_by": "another"}', "not JSON"])
def test_other_peoples_folders_are_left_alone(tmp_path: Path, content: str | None):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("mine")
    if content is not None:
        (tmp_path / "out" / MANIFEST).write_text(content)
    with pytest.raises(OutputError, match="no export of scorp wrote"):
        write(tmp_path / "out", "two", overwrite=True)
    assert (tmp_path / "out" / "precious").read_text() == "mine"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_full_disk_leaves_what_was_there_and_nothing_else(tmp_path: Path, overwrite: bool):
    if overwrite:
        write(tmp_path / "out", "one")
    with files_no_larger_than(1000), pytest.raises(OutputError, match="File too large"):
        write(tmp_path / "out", 2000 * "x", overwrite)
    left = [path.name for path in tmp_path.iterdir()]
    assert left == (["out"] if overwrite else [])
    if overwrite:
        assert (tmp_path / "out" / "file").read_text() == "one"


def test_another_error_leaves_nothing_either(tmp_path: Path):
    with pytest.raises(ValueError, match="inside"), whole_folder(tmp_path / "out", False):
        raise ValueError("inside")
    assert not any(tmp_path.iterdir())


def test_a_place_below_a_file_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Not a directory"):
        write(tmp_path / "file" / "out", "one")
    with pytest.raises(OutputError, match="is a file"):
        write(tmp_path / "file", "one")
