"""A folder of results appears whole or not at all, and never over foreign files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from full_disks import files_no_larger_than

from scorp_ns.errors import OutputError
from scorp_ns.export.whole_folder import ALL_FILES, MANIFEST, WRITTEN_BY, check_folder, files_below, whole_folder


def write(folder: Path, text: str, overwrite: bool = False, names: tuple[str, ...] = ("file",)) -> None:
    with whole_folder(folder, overwrite) as unfinished:
        for name in names:
            (unfinished / name).parent.mkdir(parents=True, exist_ok=True)
            (unfinished / name).write_text(text)
        write_manifest(unfinished, names)


def write_manifest(folder: Path, names: tuple[str, ...]) -> None:
    (folder / MANIFEST).write_text(json.dumps({WRITTEN_BY: "scorp 0", ALL_FILES: names}))


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


def test_the_folder_of_the_shell_is_written_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    write(Path(), "one", names=("a", "deep/b"))
    assert files_below(Path()) == ["a", "deep/b", MANIFEST] and Path("a").exists()


def test_of_an_existing_folder_only_what_is_inside_is_touched(tmp_path: Path):
    """As for a disk that is mounted there, or where the folder around it may not be written."""
    (tmp_path / "disk" / "lost+found").mkdir(parents=True)
    before = (tmp_path / "disk").stat().st_ino
    with whole_folder(tmp_path / "disk", False) as unfinished:
        assert [path.name for path in tmp_path.iterdir()] == ["disk"]
        (unfinished / "file").write_text("one")
    assert (tmp_path / "disk" / "file").read_text() == "one"
    assert (tmp_path / "disk").stat().st_ino == before


def test_a_link_to_a_folder_stays_one(tmp_path: Path):
    (tmp_path / "far").mkdir()
    (tmp_path / "out").symlink_to("far")
    write(tmp_path / "out", "one")
    write(tmp_path / "out", "two", overwrite=True)
    assert (tmp_path / "out").is_symlink() and (tmp_path / "far" / "file").read_text() == "two"


def test_links_that_lead_nowhere_are_followed_and_circles_refused(tmp_path: Path):
    (tmp_path / "out").symlink_to("new/far")
    write(tmp_path / "out", "one")
    assert (tmp_path / "new" / "far" / "file").read_text() == "one"
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(OutputError, match="round in a circle"):
        check_folder(tmp_path / "circle", False)


def test_files_of_the_earlier_export_alone_are_removed(tmp_path: Path):
    write(tmp_path / "out", "one", names=("a", "old/b", "shared/c", "new/d"))
    (tmp_path / "out" / "shared" / "mine").write_text("mine")
    write(tmp_path / "out", "two", overwrite=True, names=("a", "new/e"))
    assert files_below(tmp_path / "out") == ["a", MANIFEST, "new/e", "shared/mine"]
    assert not (tmp_path / "out" / "old").exists()


def test_a_manifest_cannot_make_files_elsewhere_be_removed(tmp_path: Path):
    for name in ("precious", "out/kept"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    write_manifest(tmp_path / "out", ("../precious", str(tmp_path / "precious"), ".", ""))
    write(tmp_path / "out", "two", overwrite=True)
    assert (tmp_path / "precious").exists() and (tmp_path / "out" / "kept").exists()


def test_an_export_killed_while_it_writes_leaves_nothing_to_the_next(tmp_path: Path):
    write(tmp_path / "out", "one")
    kill_within(tmp_path / "out")
    kill_within(tmp_path / "another")
    assert (tmp_path / "out" / "file").read_text() == "one"
    for name in ("out", "another"):
        write(tmp_path / name, "two", overwrite=True)
    assert files_below(tmp_path) == ["another/file", f"another/{MANIFEST}", "out/file", f"out/{MANIFEST}"]


def kill_within(folder: Path) -> None:
    """A process dies while it writes."""
    child = os.fork()
    if child == 0:
        with whole_folder(folder, True) as unfinished:
            (unfinished / "half").write_text("half")
            os._exit(0)
    os.waitpid(child, 0)


def test_an_export_killed_while_files_move_in_is_brought_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "out", "one", names=("a", "old"))
    replace, moved = os.replace, []

    def dying_replace(source: Path, target: Path) -> None:
        if Path(target).name == "b":
            raise KeyboardInterrupt
        moved.append(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", dying_replace)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "out", "two", overwrite=True, names=("a", "b"))
    monkeypatch.undo()
    assert tmp_path / "out" / "a" in moved
    with pytest.raises(OutputError, match="--overwrite"):
        check_folder(tmp_path / "out", False)
    assert files_below(tmp_path / "out") == ["a", "b", MANIFEST]
    assert (tmp_path / "out" / "b").read_text() == "two"


def test_a_file_of_a_person_where_a_folder_belongs_stops_all_of_it(tmp_path: Path):
    write(tmp_path / "out", "one")
    (tmp_path / "out" / "scene").write_text("mine")
    with pytest.raises(OutputError, match="File exists"):
        write(tmp_path / "out", "two", overwrite=True, names=("file", "scene/a"))
    (tmp_path / "out" / "objects").mkdir()
    with pytest.raises(OutputError, match="objects is a folder"):
        write(tmp_path / "out", "two", overwrite=True, names=("file", "objects"))
    assert (tmp_path / "out" / "file").read_text() == "one"
    assert (tmp_path / "out" / "scene").read_text() == "mine"


def test_that_nothing_can_be_written_is_found_before_anything_is(tmp_path: Path):
    with pytest.raises(OutputError, match="cannot be written"):
        check_folder(Path("/proc/self/out"), False)
    with files_no_larger_than(1), pytest.raises(OutputError, match="File too large"):
        check_folder(tmp_path / "deep" / "out", False)
    check_folder(tmp_path / "deep" / "out", False)
    assert not any(tmp_path.iterdir())
