"""The check counts what there is, finds wrong masks, and finds nothing wrong with clean ones."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mask_files import HEIGHT, WIDTH, built, frames, label_maps
from PIL import Image
from scipy import ndimage

from scorp_ns.errors import OutputError
from scorp_ns.masks import contact_sheet, text_drawing
from scorp_ns.masks.check import check_masks
from scorp_ns.masks.contact_sheet import write_contact_sheet
from scorp_ns.masks.files import FilesConfig
from scorp_ns.masks.source import Frame, MaskRequest
from scorp_ns.products import UNKNOWN, ObjectBox, ObjectInfo, ObjectMasks

CAPTURES = Path(__file__).parents[3] / "shared" / "captures"


def masks_of(maps: Sequence[np.ndarray | None], infos: Sequence[ObjectInfo]) -> ObjectMasks:
    readers = tuple(None if labels is None else (lambda labels=labels: labels) for labels in maps)
    return ObjectMasks(tuple(infos), readers, "made up")


def real_capture(name: str) -> tuple[ObjectMasks, tuple[Frame, ...]]:
    folder = CAPTURES / name
    if not folder.exists():
        pytest.skip("the captures are not on this machine")
    listed = json.loads((folder / "transforms.json").read_text())["frames"]
    shown = tuple(Frame(folder / item["file_path"], item["file_path"], 320, 240) for item in listed)
    masks = FilesConfig().build(MaskRequest(folder, shown))
    assert masks is not None
    return masks, shown


def grown(labels: np.ndarray, label: int, factor: float) -> np.ndarray:
    """The map with an object dilated to so many times its area."""
    mask = labels == label
    wanted = factor * mask.sum()
    while mask.sum() < wanted:
        mask = ndimage.binary_dilation(mask)
    return np.where(mask, label, labels).astype(np.int16)


@pytest.mark.parametrize("name", ["kitchen", "desk", "tabletop"])
def test_clean_captures_raise_no_suspicion_in_under_a_second(name: str):
    masks, shown = real_capture(name)
    start = time.process_time()
    check = check_masks(masks, shown)
    assert time.process_time() - start < 1
    assert check.suspicious_frames == []
    assert check.masks is masks
    assert [(checked.num_frames, checked.num_missing, checked.verdict) for checked in check.objects] == [
        (80, 0, None)
    ] * 2


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["kitchen", "desk", "tabletop"])
def test_swapped_and_swollen_masks_are_found_and_no_others(name: str, seed: int):
    masks, shown = real_capture(name)
    random = np.random.default_rng(seed)
    wrong = random.choice(80, 8, replace=False).tolist()
    maps = [masks.label_map(index) for index in range(80)]
    for index in wrong[:4]:
        maps[index] = np.array([0, 2, 1], np.int16)[maps[index]]
    for index in wrong[4:]:
        maps[index] = grown(maps[index], int(random.integers(1, 3)), 3)
    check = check_masks(masks_of(maps, masks.objects), shown)
    assert check.suspicious_frames == sorted(wrong)


@pytest.mark.parametrize("change", [ndimage.grey_dilation, ndimage.grey_erosion])
@pytest.mark.parametrize("name", ["kitchen", "desk", "tabletop"])
def test_masks_three_pixels_too_wide_or_tight_raise_hardly_a_suspicion(name: str, change: Callable[..., np.ndarray]):
    masks, shown = real_capture(name)
    maps = [change(masks.label_map(index), size=(7, 7)).astype(np.int16) for index in range(80)]
    assert len(check_masks(masks_of(maps, masks.objects), shown).suspicious_frames) <= 2


def test_a_sudden_change_of_size_is_found_without_images(tmp_path: Path):
    maps = [np.zeros((HEIGHT, WIDTH), np.int16) for _ in range(20)]
    for index, labels in enumerate(maps):
        side = 20 if index >= 10 else 8
        labels[2 : 2 + side, 2 : 2 + side] = 1
    maps[5][:, :] = 0
    maps[5][2:4, 2:4] = 1
    check = check_masks(masks_of(maps, [ObjectInfo("mug")]), frames(tmp_path, num_frames=20))
    assert check.suspicious_frames == [5]
    assert check.report_lines()[-1] == "'mug' looks wrong in images/0005.jpg (16 times smaller than around it)."


def test_counts_are_right(tmp_path: Path):
    blank = np.zeros((HEIGHT, WIDTH), np.int16)
    quarter, cut, unknown = blank.copy(), blank.copy(), blank.copy()
    quarter[9:27, 12:36] = 1
    cut[:18, :24] = 1
    unknown[:] = UNKNOWN
    masks = masks_of([quarter, cut, blank, unknown, None], [ObjectInfo("mug")])
    check = check_masks(masks, frames(tmp_path, num_frames=5))
    (mug,) = check.objects
    assert (mug.num_frames, mug.num_missing, mug.num_cut, mug.mean_area) == (2, 2, 1, 0.25)
    assert (check.num_frames, check.num_maps) == (5, 4)


def test_the_report_names_what_is_left_out_and_the_rest_goes_on(tmp_path: Path):
    maps: list[np.ndarray | None] = [*label_maps()]
    wall = np.full((HEIGHT, WIDTH), 4, np.int16)
    maps[2], maps[4] = wall, None
    box = ObjectBox((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    infos = [ObjectInfo("mug"), ObjectInfo("茶壶"), ObjectInfo("ghost\n"), ObjectInfo("wall"), ObjectInfo("x", box=box)]
    check = check_masks(masks_of(maps, infos), frames(tmp_path))
    assert [info.name for info in check.masks.objects] == ["mug", "茶壶", "x"]
    assert not np.any(check.masks.label_map(2))
    assert check.report_lines() == [
        "object   frames  missing  cut  mean area  suspicious",
        "mug         4/5        1    -      6.66%           -",
        "茶壶        4/5        1    -      3.65%           -",
        "ghost\\n     0/5        5    -      0.00%           -",
        "wall        1/5        4    1    100.00%           -",
        "x           0/5        5    -      0.00%           -",
        "'ghost\\n' is left out: it has no pixel in any of 5 maps. Check its masks, or its name or prompt.",
        "'wall' is left out: it covers all that other objects leave in 1 frame, and is in no other. "
        "Check its masks, or its name or prompt.",
        "1 frame of 6 have no masks: 'images/0004.jpg'.",
    ]


def test_masks_of_other_sizes_than_their_images_are_checked(tmp_path: Path):
    maps = [np.kron(labels, np.ones((3, 3), np.int16)) for labels in label_maps()]
    for frame in frames(tmp_path):
        frame.image_path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT), (90, 20, 20)).save(frame.image_path)
    check = check_masks(masks_of(maps, [ObjectInfo("mug"), ObjectInfo("truck")]), frames(tmp_path))
    assert check.suspicious_frames == []


def test_three_hundred_objects_are_checked(tmp_path: Path):
    labels = (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 301).astype(np.int16)
    check = check_masks(masks_of([labels] * 6, [ObjectInfo(f"o{i}") for i in range(300)]), frames(tmp_path))
    assert len(check.report_lines()) == 301
    assert write_contact_sheet(check.masks, frames(tmp_path), check, tmp_path / "sheet.png").exists()


def test_the_sheet_shows_suspicious_frames_first_in_red(tmp_path: Path):
    masks, shown = real_capture("kitchen")
    maps = [masks.label_map(index) for index in range(80)]
    maps[40] = np.array([0, 2, 1], np.int16)[maps[40]]
    swapped = masks_of(maps, masks.objects)
    check = check_masks(swapped, shown)
    sheet = np.asarray(Image.open(write_contact_sheet(swapped, shown, check, tmp_path / "a" / "sheet.png")))
    is_red = (sheet == contact_sheet.ALARM).all(axis=-1)
    rows, columns = np.nonzero(is_red)
    assert rows.min() < 100 and columns.max() < 350
    assert sheet.shape[1] < 1400


@pytest.mark.parametrize("coarse", [False, True])
def test_the_sheet_takes_any_names_and_lost_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, coarse: bool):
    if coarse:
        monkeypatch.setattr(text_drawing, "_font", text_drawing.ImageFont.load_default_imagefont)
    names = ["茶壶 🫖", "line\nbreak \udc80", "n" * 500, "Grüße"]
    maps: list[np.ndarray | None] = [*label_maps(num_objects=4)]
    maps[1], maps[2] = None, np.full((HEIGHT, WIDTH), UNKNOWN, np.int16)
    masks = masks_of(maps, [ObjectInfo(name) for name in names])
    check = check_masks(masks, frames(tmp_path))
    path = write_contact_sheet(masks, frames(tmp_path), check, tmp_path / "sheet.png")
    with Image.open(path) as sheet:
        assert sheet.width < 1400


def test_a_sheet_without_any_map_is_drawn(tmp_path: Path):
    masks = masks_of([None] * 6, [ObjectInfo("x", box=ObjectBox((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))])
    check = check_masks(masks, frames(tmp_path))
    assert write_contact_sheet(masks, frames(tmp_path), check, tmp_path / "sheet.png").exists()


def test_a_sheet_that_cannot_be_written_says_so(tmp_path: Path):
    masks = masks_of(label_maps(), [ObjectInfo("mug"), ObjectInfo("truck")])
    check = check_masks(masks, frames(tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="contact sheet"):
        write_contact_sheet(masks, frames(tmp_path), check, tmp_path / "file" / "sheet.png")


def test_own_colours_are_kept():
    masks = masks_of([], [replace(ObjectInfo("a"), color=(1, 2, 3)), ObjectInfo("b")])
    assert contact_sheet.object_colors(masks)[0] == (1, 2, 3)


def test_built_masks_can_be_checked(tmp_path: Path):
    from mask_files import write_folders

    write_folders(tmp_path / "object_masks", label_maps())
    assert len(check_masks(built(tmp_path), frames(tmp_path)).objects) == 2
