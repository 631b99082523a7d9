"""Object masks go in, and lifted objects come out, of the real `ns-train`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from captures import BALL_CENTERS, BALL_NAMES, BALL_RADII, edit_frames, write_capture, write_object_masks
from PIL import Image
from tools import run_folder, run_here, train_arguments

from scorp_ns.formats.splat_ply import read_splats

BRIEF = ("--max-num-iterations", "60")


def objects_of(folder: Path) -> Path:
    """The object files that `--save-objects` writes."""
    return folder / "scorp"


def train(capture: Path, output: Path, *options: str) -> Path:
    """Train briefly, unless the options say otherwise; the run's folder."""
    run_here("ns-train", *train_arguments(capture, output, *BRIEF, "--save-objects", "True", *options))
    return run_folder(output)


def state_of(folder: Path) -> dict:
    (path,) = (folder / "nerfstudio_models").iterdir()
    return torch.load(path, weights_only=True)["pipeline"]


def test_the_run_says_what_it_found(tiny_run: Path):
    printed = (tiny_run.parents[2] / "printed.txt").read_text()
    assert "Object masks:" in printed and "object_masks" in printed
    for name in BALL_NAMES:
        assert printed.count(name) >= 2, "once in the mask check, once among the lifted objects"


def test_each_ball_is_lifted_where_it_is_in_the_capture(tiny_run: Path):
    for name, center, radius in zip(BALL_NAMES, BALL_CENTERS, BALL_RADII, strict=True):
        splats = read_splats(objects_of(tiny_run) / name / "gaussians.ply")
        away = np.linalg.norm(splats.means.numpy() - center, axis=1)
        assert np.quantile(away, 0.9) < 1.35 * radius, name
        found = json.loads((objects_of(tiny_run) / name / "object.json").read_text())
        assert np.linalg.norm(np.array(found["box"]["center"]) - center) < 0.35 * radius
        np.testing.assert_allclose(found["box"]["size"], 2 * radius, rtol=0.35)
        assert found["mask_iou"] > 0.8


def test_crops_show_the_object_they_are_named_after(tiny_run: Path):
    for name, color in zip(BALL_NAMES, ([0.85, 0.2, 0.15], [0.15, 0.6, 0.25], [0.95, 0.8, 0.2]), strict=True):
        folder = objects_of(tiny_run) / name / "views"
        views = json.loads((folder / "cameras.json").read_text())["views"]
        assert 1 <= len(views) <= 4
        rgba = np.asarray(Image.open(folder / views[0]["file"]), float) / 255
        mean = rgba[rgba[..., 3] > 0.5][:, :3].mean(axis=0)
        assert np.linalg.norm(mean / mean.max() - np.array(color) / max(color)) < 0.25, name


def test_a_contact_sheet_is_there_to_look_at(tiny_run: Path):
    with Image.open(objects_of(tiny_run) / "masks.png") as sheet:
        assert min(sheet.size) > 100


def test_checkpoints_hold_labels_votes_and_visibility(tiny_run: Path):
    state = state_of(tiny_run)
    num = len(state["_model.gauss_params.means"])
    assert state["_model.scene_objects.labels"].shape == (num,)
    assert state["_model.scene_objects.votes"].shape == (num, 4)
    assert state["_model.scene_objects.visibility"].shape == (num,)


def test_a_capture_without_masks_trains_its_scene_alone(tmp_path: Path, capsys):
    train(write_capture(tmp_path / "capture"), tmp_path)
    assert "No object masks" in capsys.readouterr().out


def test_an_object_that_cannot_be_lifted_costs_only_itself(tmp_path: Path, capsys):
    capture = write_object_masks(write_capture(tmp_path / "capture"))
    for path in (capture / "object_masks" / "green ball").iterdir():
        Image.new("L", Image.open(path).size).save(path)
    folder = train(capture, tmp_path)
    report = json.loads((objects_of(folder) / "objects.json").read_text())
    assert set(report["lifted"]) == {"red ball", "yellow ball"}
    assert set(report["failed"]) == {"green ball"}
    assert "green ball" in capsys.readouterr().out


def test_names_may_hold_slashes_and_any_letters(tmp_path: Path):
    capture = write_object_masks(write_capture(tmp_path / "capture"))
    (capture / "object_masks" / "green ball").rename(capture / "object_masks" / "mücke%2Fball")
    folder = train(capture, tmp_path)
    report = json.loads((objects_of(folder) / "objects.json").read_text())
    assert "mücke/ball" in report["lifted"]
    assert (objects_of(folder) / report["lifted"]["mücke/ball"] / "gaussians.ply").is_file()


def test_valid_pixel_masks_and_object_masks_keep_apart(tmp_path: Path):
    capture = write_object_masks(write_capture(tmp_path / "capture"))
    (capture / "masks").mkdir()
    for path in (capture / "images").iterdir():
        Image.new("L", Image.open(path).size, 255).save(capture / "masks" / path.name)
    edit_frames(lambda frame: frame.update(mask_path=frame["file_path"].replace("images", "masks")), slice(None))(
        capture
    )
    folder = train(capture, tmp_path)
    assert set(json.loads((objects_of(folder) / "objects.json").read_text())["lifted"]) == set(BALL_NAMES)


def test_a_box_in_the_capture_frame_does_in_place_of_masks(tmp_path: Path):
    capture = write_capture(tmp_path / "capture")
    size = [2.2 * float(BALL_RADII[0])] * 3
    objects = [{"name": "ball", "box": {"center": BALL_CENTERS[0].tolist(), "size": size}}]
    (capture / "objects.json").write_text(json.dumps(objects))
    options = ("--max-num-iterations", "300", "--pipeline.model.lift.min-gaussians", "15")
    folder = train(capture, tmp_path, *options)
    splats = read_splats(objects_of(folder) / "ball" / "gaussians.ply")
    assert np.linalg.norm(splats.means.numpy() - BALL_CENTERS[0], axis=1).max() < 2 * BALL_RADII[0]
    assert (objects_of(folder) / "ball" / "views" / "00.png").is_file()


def test_masks_that_fit_no_image_stop_the_run_before_it_starts(tmp_path: Path):
    from scorp_ns.errors import MaskError

    capture = write_object_masks(write_capture(tmp_path / "capture"))
    for folder in (capture / "object_masks").iterdir():
        for path in folder.iterdir():
            path.rename(path.with_name(f"frame_{path.name}"))
    with pytest.raises(MaskError, match="frame_0000"):
        train(capture, tmp_path)


def test_a_resumed_run_keeps_what_it_has(tmp_path: Path, capsys):
    capture = write_object_masks(write_capture(tmp_path / "capture"))
    first = train(capture, tmp_path / "one", "--steps-per-save", "50", "--save-only-latest-checkpoint", "False")
    assert capsys.readouterr().out.count("Lifted objects") == 2, "when it happens, and at the end of the run"
    shutil.rmtree(objects_of(first))
    again = train(capture, tmp_path / "two", "--load-dir", str(first / "nerfstudio_models"), "--load-step", "50")
    assert capsys.readouterr().out.count("Lifted objects") == 1
    assert (objects_of(again) / "red ball" / "gaussians.ply").is_file()
    assert (objects_of(again) / "red ball" / "views" / "00.png").is_file(), "checkpoints hold no pictures"
    run_here("ns-eval", "--load-config", again / "config.yml", "--output-path", tmp_path / "eval.json")


def test_a_finished_run_is_evaluated_without_its_masks(tiny_run: Path, tmp_path: Path, capsys):
    masks = tiny_run.parents[2] / "capture" / "object_masks"
    hidden = masks.rename(tmp_path / "away")
    stray = masks / "ball" / "frame_0.png"
    stray.parent.mkdir(parents=True)
    Image.new("L", (4, 4), 255).save(stray)
    try:
        run_here("ns-eval", "--load-config", tiny_run / "config.yml", "--output-path", tmp_path / "eval.json")
    finally:
        shutil.rmtree(masks)
        hidden.rename(masks)
    assert "Object masks are left out" in capsys.readouterr().out
    assert (tmp_path / "eval.json").is_file()
