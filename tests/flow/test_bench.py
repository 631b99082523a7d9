"""`scorp bench` on a tiny capture: it trains, measures, reports, and does nothing twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from captures import BALL_NAMES, write_capture, write_object_masks
from tools import run_here

from scorp_ns.errors import ScorpError

NUM_VIEWS = 16
BRIEF = ("--missing", "1/2", "--iterations", "60", "--settings", "cells", "24")


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_object_masks(write_capture(tmp_path_factory.mktemp("bench") / "capture", NUM_VIEWS), NUM_VIEWS)


@pytest.fixture(scope="module")
def finished(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("benched")
    bench(capture, output, "--mode", "blend", "replace")
    return output


def bench(capture: Path, output: Path, *options: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run_here("scorp", "bench", "--data", capture, "--output", output, *BRIEF, *options)
    assert ended.value.code == 0


def split_of(output: Path) -> dict:
    return json.loads((output / "report.json").read_text())["splits"]["missing_1_2"]


def test_the_report_says_how_objects_look_from_everywhere(finished: Path):
    split = split_of(finished)
    assert split["views"]["training"] + split["views"]["in_arc"] + split["views"]["withheld"] == NUM_VIEWS
    for scores in (split, split["back"], split["in_arc"], split["training"]):
        assert 10 < scores["before"]["psnr"] < 60 and 0.2 < scores["before"]["miou"] <= 1
    assert split["training"]["before"]["psnr"] > split["before"]["psnr"], "what was trained on looks better"
    assert split["context"]["before"]["full_psnr"] > 5
    assert set(split["objects"]) == set(BALL_NAMES)
    assert all(entry["lift"]["gaussians"] >= 30 for entry in split["objects"].values())


def test_stages_have_their_costs(finished: Path):
    stages = json.loads((finished / "report.json").read_text())["stages"]
    assert set(stages) == {"scene", "lift", "propose", "tune", "compose"}, (
        "proxies by symmetry stand where they are made"
    )
    assert all(stage["seconds"] > 0 and stage["peak_mb"] > 100 for stage in stages.values())


def test_pictures_and_pages_are_there(finished: Path):
    pictures = split_of(finished)["pictures"]
    assert {picture["set"] for picture in pictures} == {"back", "withheld", "in_arc", "training"}
    assert all((finished / picture[kind]).is_file() for picture in pictures for kind in ("truth", "before", "error"))
    assert "PSNR" in (finished / "report.md").read_text()
    assert "<svg" in (finished / "report.html").read_text()


def test_a_finished_bench_is_not_run_again(capture: Path, finished: Path, tmp_path: Path, monkeypatch):
    output = shutil.copytree(finished, tmp_path / "again", symlinks=True)
    monkeypatch.setattr("scorp_ns.bench.running.train", lambda *_: pytest.fail("trained again"))
    bench(capture, output, "--compare-with", str(finished / "report.json"))
    assert split_of(output) == split_of(finished)
    assert "PSNR" in (output / "comparison.md").read_text() and (output / "comparison.html").is_file()


def test_an_interrupted_bench_goes_on_from_what_is_trained(capture: Path, finished: Path, tmp_path: Path):
    output = shutil.copytree(finished, tmp_path / "again", symlinks=True)
    (result,) = output.glob("work/*/*/result.json")
    result.unlink()
    bench(capture, output)
    assert split_of(output)["before"] == split_of(finished)["before"]
    assert "This run is complete" in (result.parents[1] / "train.log").read_text()


def test_ways_to_go_on_are_compared_over_the_same_scene(finished: Path):
    blended, replaced = split_of(finished), split_of(finished / "symmetry_replace")
    assert replaced["before"] == blended["before"], "one scene was trained"
    assert replaced["after"] != blended["after"]
    logs = [log.read_text() for log in finished.glob("**/train.log")]
    assert sorted("Continuing at step 48" in log for log in logs) == [False, True]
    assert "replace" in (finished / "comparison.md").read_text()
    assert all((finished / "symmetry_replace" / picture["truth"]).is_file() for picture in replaced["pictures"])


def test_shares_and_names_that_make_no_sense_are_refused(capture: Path, finished: Path, tmp_path: Path, capsys):
    for options in (("--missing", "3/2"), ("--missing", "half"), ("--seeds", "0"), ("--missing", "9/10")):
        with pytest.raises(SystemExit) as ended:
            run_here("scorp", "bench", "--data", capture, "--output", tmp_path, *options)
        assert ended.value.code == 1
    assert "half" in capsys.readouterr().err


def test_a_name_that_no_object_has_is_refused(capture: Path, finished: Path):
    from scorp_ns.bench.measuring import load_run
    from scorp_ns.bench.plan import BenchPlan

    plan = BenchPlan(capture, finished, (), (0,), "scorp-quick", 60, ("blue ball",), "lift")
    (config,) = finished.glob("work/*/run/scorp-quick/bench/config.yml")
    with pytest.raises(ScorpError, match="red ball"):
        load_run(config, plan, plan.refinements[0])


def test_a_wrong_name_is_refused_before_anything_is_trained(capture: Path, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr("scorp_ns.bench.running.train", lambda *_: pytest.fail("trained"))
    for stage, output in (("lift", tmp_path / "out"), ("scene", capture)):
        options = ("--objects", "blue ball", "--stop-after", stage)
        with pytest.raises(SystemExit) as ended:
            run_here("scorp", "bench", "--data", capture, "--output", output, *options)
        assert ended.value.code == 1
    told = " ".join(capsys.readouterr().err.split())
    assert "'red ball'" in told and "--output is the capture itself" in told


def test_the_capture_is_left_as_it_is(tmp_path: Path):
    capture = write_object_masks(write_capture(tmp_path / "capture", NUM_VIEWS), NUM_VIEWS)
    (capture / "transforms.json").write_text((capture / "transforms.json").read_text().replace("images/", "./images/"))
    shutil.copy(capture / "transforms.json", capture / "other.json")
    before = {path: path.read_bytes() for path in capture.glob("*.json")}
    bench(capture / "other.json", tmp_path / "out", "--iterations", "20", "--stop-after", "scene")
    assert {path: path.read_bytes() for path in capture.glob("*.json")} == before
    assert split_of(tmp_path / "out")["context"]["before"]["full_psnr"] > 5


def test_another_script_makes_another_result(capture: Path, tmp_path: Path):
    from scorp_ns.bench.captures import read_bench_capture
    from scorp_ns.bench.plan import BenchPlan, parse_share
    from scorp_ns.bench.running import _fingerprint

    read, script = read_bench_capture(capture), tmp_path / "generate.py"
    plan = BenchPlan(
        *(capture, tmp_path, (), (0,), "scorp-quick", 60, (), "compose", ("command",)),
        settings={"template": f"python {script} {{job}}"},
    )
    split = read.split(parse_share("1/2"), 0)
    prints = set()
    for text in ("", "print(1)", "print(1)"):
        if not script.exists() or script.read_text() != text:
            script.write_text(text)
        prints.add(_fingerprint(plan, plan.refinements[0], read, split))
    assert len(prints) == 2


def test_other_masks_make_another_result(capture: Path, tmp_path: Path):
    from scorp_ns.bench.captures import fingerprint_of_files

    copy = shutil.copytree(capture, tmp_path / "capture")
    before = fingerprint_of_files(copy, tmp_path / "bench")
    (copy / "object_masks" / "red ball" / "0003.png").unlink()
    assert fingerprint_of_files(copy, tmp_path / "bench") != before


def test_a_capture_without_masks_is_refused_before_training(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr("scorp_ns.bench.running.train", lambda *_: pytest.fail("trained"))
    capture = write_capture(tmp_path / "capture", NUM_VIEWS)
    with pytest.raises(SystemExit) as ended:
        run_here("scorp", "bench", "--data", capture, "--output", tmp_path / "bench", *BRIEF)
    said = " ".join(capsys.readouterr().err.split())
    assert ended.value.code == 1 and "has no object masks" in said and "--stop-after scene" in said


def test_a_bench_in_its_own_capture_knows_what_it_has_measured(tmp_path: Path, monkeypatch):
    capture = write_object_masks(write_capture(tmp_path / "capture", NUM_VIEWS), NUM_VIEWS)
    output = capture / "bench"
    options = ("--iterations", "10", "--stop-after", "scene")
    bench(capture, output, *options)
    assert not list(output.glob("work/*/capture/bench")), "the bench is no part of what it trains on"
    first = split_of(output)
    monkeypatch.setattr("scorp_ns.bench.running.train", lambda *_: pytest.fail("trained again"))
    bench(capture, output, *options)
    assert split_of(output) == first


def test_a_scene_that_was_removed_is_made_anew(tmp_path: Path):
    from scorp_ns.bench.training import _take_over
    from scorp_ns.host.checkpoint import checkpoint_path

    source, target = tmp_path / "first", tmp_path / "second"
    _take_over(source, target, 47)
    assert not target.exists(), "the second run begins from nothing"
    source.mkdir()
    checkpoint_path(source, 47).write_bytes(b"scene")
    _take_over(source, target, 47)
    assert checkpoint_path(target, 47).read_bytes() == b"scene"
