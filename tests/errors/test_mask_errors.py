"""Every fault of object masks is told word for word as in mask_messages.json: as an error, or as a warning if the run
goes on.

After a deliberate change of wording, `SCORP_WRITE_MESSAGES=1 pytest tests/errors` writes the file anew, to be read.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mask_files import (
    HEIGHT,
    NAMES,
    WIDTH,
    assert_maps,
    build,
    frames,
    label_maps,
    names_of,
    save,
    write_folders,
    write_json,
    write_maps,
    write_transforms,
)
from message_snapshots import check_message, check_names
from PIL import Image

from scorp_ns.errors import MaskError
from scorp_ns.masks.check import check_masks

MESSAGES = Path(__file__).parent / "mask_messages.json"

Fault = Callable[[Path], "Path | None"]

FAULTS: dict[str, Fault] = {}
"""Ways to spoil masks in a folder; they may return a path to pass as masks-path."""


def fault(apply: Fault) -> Fault:
    FAULTS[apply.__name__] = apply
    return apply


def names_fault(name: str, content: Any) -> None:
    """Register good label maps with this content of objects.json, as text or as what JSON can hold."""

    def apply(folder: Path) -> None:
        write_maps(folder / "masks", label_maps())
        if isinstance(content, bytes):
            (folder / "objects.json").write_bytes(content)
        else:
            write_json(folder / "objects.json", content)

    FAULTS[name] = apply


def box(**changes: Any) -> list[dict[str, Any]]:
    return [{"id": 1, "name": "mug", "box": {"center": [0, 0, 0], "size": [1, 1, 1], **changes}}]


names_fault("names_are_not_json", b"{'mug': 1}")
names_fault("names_are_not_text", b"\xff\xfe")
names_fault("names_are_nested_endlessly", b"[" * 200_000)
names_fault("names_are_a_number", 7)
names_fault("names_are_of_several_kinds", {"mug": 1, "truck": "two"})
names_fault("an_entry_is_a_number", [1, 2])
names_fault("an_entry_has_no_name", [{"id": 1}])
names_fault("a_name_is_empty", [{"id": 1, "name": " "}])
names_fault("a_name_is_a_number", [{"id": 1, "name": 7}])
names_fault("an_id_is_a_word", [{"id": "one", "name": "mug"}])
names_fault("an_id_is_negative", [{"id": -1, "name": "mug"}])
names_fault("an_id_is_too_large", [{"id": 65536, "name": "mug"}])
names_fault("an_id_is_a_truth_value", [{"id": True, "name": "mug"}])
names_fault("a_prompt_is_a_list", [{"id": 1, "name": "mug", "prompt": ["red"]}])
names_fault("a_colour_is_a_fraction", [{"id": 1, "name": "mug", "color": [0.1, 0.2, 0.3]}])
names_fault("a_colour_is_a_word", [{"id": 1, "name": "mug", "color": "red"}])
names_fault("a_box_is_a_list", [{"id": 1, "name": "mug", "box": [0, 0, 0, 1, 1, 1]}])
names_fault("a_box_has_nan", box(center=[0, math.nan, 0]))
names_fault("a_box_is_negative", box(size=[1, -1, 1]))
names_fault("a_box_has_no_size", box(size=None))
names_fault("a_box_has_no_turn", box(wxyz=[0, 0, 0, 0]))
names_fault("a_box_is_turned_by_a_word", box(yaw_deg="left"))
names_fault("two_objects_have_one_name", [{"id": 1, "name": "mug"}, {"id": 2, "name": "mug"}])
names_fault("two_objects_have_one_id", [{"id": 1, "name": "mug"}, {"id": 1, "name": "cup"}, {"id": 2, "name": "car"}])
names_fault("an_object_has_id_0", [{"id": 0, "name": "mug"}, {"id": 1, "name": "cup"}, {"id": 2, "name": "car"}])
names_fault("an_id_has_no_name", [{"id": 1, "name": "mug"}])


@fault
def stems_are_others(folder: Path) -> None:
    write_maps(folder / "masks", label_maps(), [f"mask_{index}" for index in range(6)])


@fault
def stems_of_folders_are_others(folder: Path) -> None:
    write_folders(folder / "object_masks", label_maps(), stems=[f"mask_{index}" for index in range(6)])


@fault
def stems_are_those_of_two_folders(folder: Path) -> None:
    write_maps(folder / "masks", label_maps())


@fault
def sizes_are_others(folder: Path) -> None:
    write_maps(folder / "masks", [labels.T for labels in label_maps()])


@fault
def one_size_is_another(folder: Path) -> None:
    write_maps(folder / "masks", [labels.T if index == 2 else labels for index, labels in enumerate(label_maps())])


@fault
def one_layer_has_another_size(folder: Path) -> None:
    write_folders(folder / "object_masks", label_maps())
    save(folder / "object_masks" / NAMES[1] / "0003.png", np.zeros((WIDTH, HEIGHT)))


def write_colours(folder: Path) -> None:
    palette = np.array([[0, 0, 0], [255, 0, 0], [0, 200, 0]], np.uint8)
    write_maps(folder / "masks", [palette[labels] for labels in label_maps()])


@fault
def colours_without_names(folder: Path) -> None:
    write_colours(folder)


@fault
def colours_and_names_without_colours(folder: Path) -> None:
    write_colours(folder)
    write_json(folder / "objects.json", list(NAMES))


@fault
def one_colour_without_a_name(folder: Path) -> None:
    write_colours(folder)
    write_json(folder / "objects.json", [{"name": "mug", "color": "#ff0000"}])


@fault
def all_folders_are_empty_masks(folder: Path) -> None:
    write_folders(folder / "object_masks", [0 * labels for labels in label_maps()])


@fault
def all_named_maps_are_empty(folder: Path) -> None:
    write_maps(folder / "masks", [0 * labels for labels in label_maps()])
    write_json(folder / "objects.json", list(NAMES))


@fault
def black_and_white_maps_with_names(folder: Path) -> None:
    write_maps(folder / "masks", [255 * (labels > 0) for labels in label_maps()])
    write_json(folder / "objects.json", ["mug"])


@fault
def black_and_white_maps_without_names(folder: Path) -> None:
    write_maps(folder / "masks", [255 * (labels > 0) for labels in label_maps()])


@fault
def black_and_white_maps_that_are_asked_for(folder: Path) -> Path:
    return write_maps(folder / "valid", [255 * (labels > 0) for labels in label_maps()])


@fault
def masks_path_does_not_exist(folder: Path) -> Path:
    return folder / "nowhere"


@fault
def masks_path_is_empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


@fault
def masks_path_holds_no_masks(folder: Path) -> Path:
    (folder / "other").mkdir()
    for name in ("a.xcf", "b.xcf", "readme.txt", "notes.md"):
        (folder / "other" / name).touch()
    return folder / "other"


@fault
def masks_path_is_an_image(folder: Path) -> Path:
    save(folder / "mask.png", label_maps(1)[0])
    return folder / "mask.png"


@fault
def masks_path_is_json_of_something_else(folder: Path) -> Path:
    write_json(folder / "other.json", {"a": 1})
    return folder / "other.json"


@fault
def masks_folder_is_empty(folder: Path) -> None:
    (folder / "object_masks" / "mug").mkdir(parents=True)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@fault
def instance_masks_are_of_unknown_kind(folder: Path) -> None:
    (folder / "instance_masks").mkdir()
    (folder / "instance_masks" / "0001.xcf").touch()


@fault
def one_file_is_cut_short(folder: Path) -> None:
    cut(write_maps(folder / "masks", label_maps()) / "0002.png")


@fault
def one_file_is_empty(folder: Path) -> None:
    os.truncate(write_maps(folder / "masks", label_maps()) / "0002.png", 0)


@fault
def one_file_is_text(folder: Path) -> None:
    (write_maps(folder / "masks", label_maps()) / "0002.png").write_text("<html>404</html>")


@fault
def one_file_is_a_broken_link(folder: Path) -> None:
    path = write_maps(folder / "masks", label_maps()) / "0002.png"
    path.unlink()
    path.symlink_to("nowhere.png")


@fault
def one_file_is_a_photo_of_fractions(folder: Path) -> None:
    path = write_maps(folder / "masks", label_maps()) / "0002.png"
    path.unlink()
    Image.new("F", (WIDTH, HEIGHT), 0.5).save(path.with_suffix(".tif"))


@fault
def one_array_is_no_array(folder: Path) -> None:
    path = write_maps(folder / "masks", label_maps()) / "0002.png"
    path.unlink()
    path.with_suffix(".npy").write_bytes(b"no array")


@fault
def one_array_has_fractions(folder: Path) -> None:
    path = write_maps(folder / "masks", label_maps()) / "0002.png"
    path.unlink()
    np.save(path.with_suffix(".npy"), np.zeros((HEIGHT, WIDTH)))


@fault
def one_array_has_huge_ids(folder: Path) -> None:
    path = write_maps(folder / "masks", label_maps()) / "0002.png"
    path.unlink()
    np.save(path.with_suffix(".npy"), np.full((HEIGHT, WIDTH), 70_000))


@fault
def most_files_are_cut_short(folder: Path) -> None:
    for path in sorted(write_maps(folder / "masks", label_maps()).iterdir())[:4]:
        cut(path)


@fault
def all_files_are_gigantic(folder: Path) -> None:
    write_maps(folder / "masks", [np.kron(labels, np.ones((9, 9))) for labels in label_maps()])


@fault
def a_key_is_a_number(folder: Path) -> None:
    write_transforms(folder, [{"object_mask_path": 3}] * 6)


@fault
def a_key_of_names_is_a_string(folder: Path) -> None:
    write_transforms(folder, [{"object_masks": "masks/0001.png"}] * 6)


@fault
def files_of_keys_are_missing(folder: Path) -> None:
    write_transforms(folder, [{"object_mask_path": f"gone/{index}.png"} for index in range(6)])


@fault
def names_without_any_masks(folder: Path) -> None:
    write_json(folder / "objects.json", list(NAMES))


def coco(**changes: Any) -> dict[str, Any]:
    images = [{"id": index, "file_name": f"{index:04d}.jpg", "width": WIDTH, "height": HEIGHT} for index in range(6)]
    counts = [0, 100, HEIGHT * WIDTH - 100]
    shape = {"size": [HEIGHT, WIDTH], "counts": counts}
    annotations = [{"image_id": index, "category_id": 1, "segmentation": shape} for index in range(6)]
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "mug"}], **changes}


def coco_fault(name: str, **changes: Any) -> None:
    FAULTS[name] = lambda folder: write_json(folder / "coco.json", coco(**changes))


BOXES = coco(annotations=[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}])


def with_shapes(shape: Any) -> list[dict[str, Any]]:
    return [{"image_id": index, "category_id": 1, "segmentation": shape} for index in range(6)]


coco_fault("coco_shapes_are_too_short", annotations=with_shapes({"size": [HEIGHT, WIDTH], "counts": [0, 7]}))
coco_fault("coco_strings_are_broken", annotations=with_shapes({"size": [HEIGHT, WIDTH], "counts": "PPYé"}))
coco_fault("coco_polygons_are_lines", annotations=with_shapes([[1, 2, 3, 4]]))
coco_fault("coco_shapes_are_words", annotations=with_shapes("mug"))
coco_fault("coco_shapes_have_another_size", annotations=with_shapes({"size": [1, 2], "counts": [2]}))
FAULTS["coco_has_boxes_only"] = lambda folder: write_json(folder / "coco.json", BOXES) or folder / "coco.json"
coco_fault("coco_categories_are_an_object", categories={"1": "mug"})
coco_fault("coco_category_has_no_name", categories=[{"id": 1}])
coco_fault("coco_category_has_no_id", categories=["mug"])
coco_fault("coco_image_has_no_name", images=[{"id": 1}])
coco_fault("coco_image_has_no_id", images=[{"file_name": "0001.jpg", "width": WIDTH, "height": HEIGHT}])
coco_fault("coco_image_has_no_size", images=[{"id": 1, "file_name": "0001.jpg"}])
coco_fault("coco_annotation_has_no_image", annotations=[{"category_id": 1}])
coco_fault("coco_annotation_has_a_list_of_categories", annotations=[{"image_id": 1, "category_id": [1]}])
coco_fault("coco_has_other_images", images=[{"id": 1, "file_name": "x.jpg", "width": WIDTH, "height": HEIGHT}])


def said_about(name: str, folder: Path) -> str:
    """The error, or the warnings, about masks that are spoiled in this way."""
    folder.mkdir(exist_ok=True)
    masks_path = FAULTS[name](folder)
    named = [f"cam{index % 2}/{index // 2:04d}.jpg" for index in range(6)] if "two_folders" in name else None
    warnings: list[str] = []
    try:
        masks = build(folder, warnings, masks_path=masks_path, frames=frames(folder, named))
    except MaskError as error:
        assert all(part.endswith(".") for part in (error.found, error.needed, error.do))
        said = str(error)
    else:
        assert all(warning.endswith(".") for warning in warnings)
        said = f"({'no masks' if masks is None else ', '.join(names_of(masks))}) {' '.join(warnings)}".strip()
    return said.replace(str(folder), "<capture>")


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_with_masks_is_said(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "gigantic" in name:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    said = said_about(name, tmp_path / "capture")
    check_message(MESSAGES, name, said, FAULTS)


def test_there_is_a_message_for_every_fault_and_no_other() -> None:
    check_names(MESSAGES, FAULTS)


def test_an_object_that_covers_whole_images_is_left_out_and_the_run_goes_on(tmp_path: Path) -> None:
    maps = label_maps()
    write_folders(tmp_path / "object_masks", maps)
    for index in range(6):
        save(tmp_path / "object_masks" / "everything" / f"{index:04d}.png", np.full((HEIGHT, WIDTH), 255))
    masks = build(tmp_path)
    assert masks is not None
    check = check_masks(masks, frames(tmp_path))
    assert names_of(check.masks) == [*NAMES]
    assert_maps(check.masks, maps)
    assert check.report_lines()[-1] == (
        "'everything' is left out: it covers all that other objects leave in 6 frames, and is in no other. "
        "Check its masks, or its name or prompt."
    )


needs_permissions = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


@needs_permissions
@pytest.mark.parametrize("name", ["masks", "objects.json"])
@pytest.mark.parametrize("is_named", [True, False])
def test_what_must_not_be_read_is_reported(name: str, is_named: bool, tmp_path: Path) -> None:
    write_maps(tmp_path / "masks", label_maps())
    write_json(tmp_path / "objects.json", list(NAMES))
    (tmp_path / name).chmod(0)
    try:
        with pytest.raises(MaskError, match=f"{name}'? cannot be .*: Permission denied"):
            build(tmp_path, masks_path=tmp_path / "masks" if is_named else None)
    finally:
        (tmp_path / name).chmod(0o700)


@needs_permissions
def test_one_mask_that_must_not_be_read_is_a_warning(tmp_path: Path) -> None:
    path = write_maps(tmp_path / "masks", label_maps()) / "0002.png"
    path.chmod(0)
    warnings: list[str] = []
    assert build(tmp_path, warnings) is not None
    assert "0002.png cannot be read (Permission denied)" in warnings[0]


@pytest.mark.parametrize("spoilt", [coco(categories=3), BOXES, {"images": []}])
def test_faults_of_masks_that_are_not_used_stop_nothing(tmp_path: Path, spoilt: Any) -> None:
    maps = label_maps()
    write_folders(tmp_path / "object_masks", maps)
    write_json(tmp_path / "annotations.json", spoilt)
    write_transforms(tmp_path, [{"object_mask_path": 7}] * 6)
    masks = build(tmp_path)
    assert masks is not None
    assert_maps(masks, maps)
    write_json(tmp_path / "transforms.json", {"frames": 3})
    shutil.rmtree(tmp_path / "object_masks")
    write_maps(tmp_path / "masks", maps)
    masks = build(tmp_path)
    assert masks is not None
    assert_maps(masks, maps)
