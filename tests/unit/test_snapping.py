"""Masks that are evenly too wide or too tight come back to the photograph's edges; others stay as they are."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from scorp_ns.masks.snapping import snap_to_edges

CAPTURES = Path(__file__).parents[3] / "shared" / "captures"
HEIGHT, WIDTH = 240, 320


def texture(seed: int, height: int = HEIGHT, width: int = WIDTH, low: int = 40, high: int = 200) -> np.ndarray:
    """Soft blotches of colour, as on real things."""
    noise = np.random.default_rng(seed).uniform(size=(height, width, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 4.0)
    soft = (soft - soft.min()) / (soft.max() - soft.min())
    return low + (high - low) * soft


def disc(
    y: float = 120.0, x: float = 160.0, radius: float = 55.0, height: int = HEIGHT, width: int = WIDTH
) -> np.ndarray:
    rows, columns = np.indices((height, width))
    return np.hypot(rows - y, columns - x) < radius


def picture(*objects: np.ndarray) -> np.ndarray:
    """Textured objects before a textured background, seen through a lens."""
    image = texture(0, *objects[0].shape, low=20, high=120)
    for number, one in enumerate(objects):
        image[one] = texture(number + 1, *one.shape, low=110, high=250)[one]
    return cv2.GaussianBlur(image, (0, 0), 0.7).round().astype(np.uint8)


def resized(mask: np.ndarray, pixels: int) -> np.ndarray:
    """The mask grown by so many pixels, or shrunk by as many less than 0."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(pixels) + 1,) * 2)
    change = cv2.dilate if pixels > 0 else cv2.erode
    return change(mask.astype(np.uint8), kernel) > 0 if pixels else mask


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return (one & other).sum() / (one | other).sum()


def labels_of(*masks: np.ndarray) -> np.ndarray:
    labels = np.zeros(masks[0].shape, np.int16)
    for number, mask in enumerate(masks, start=1):
        labels[mask & (labels == 0)] = number
    return labels


@pytest.mark.parametrize("pixels", [-1, 0, 1])
def test_a_mask_that_fits_to_a_pixel_is_unchanged(pixels: int):
    labels = labels_of(resized(disc(), pixels))
    snapped, offsets = snap_to_edges(labels, picture(disc()))
    assert np.array_equal(snapped, labels) and offsets == {}


@pytest.mark.parametrize("pixels", [-4, -3, -2, 2, 3, 4])
def test_a_mask_too_wide_or_too_tight_comes_back(pixels: int):
    labels = labels_of(resized(disc(), pixels))
    snapped, offsets = snap_to_edges(labels, picture(disc()))
    assert offsets[1] == pytest.approx(-pixels, abs=1.0)
    assert iou(snapped == 1, disc()) >= 0.97 > iou(labels == 1, disc()) or abs(pixels) == 2


def painted(*parts: tuple[np.ndarray, int]) -> np.ndarray:
    """A photograph of even grey things, the later before the earlier, on an even grey ground."""
    image = np.full((HEIGHT, WIDTH, 3), 100, np.float32)
    for part, grey in parts:
        image[part] = grey
    return cv2.GaussianBlur(image, (0, 0), 0.7).round().astype(np.uint8)


def test_the_inner_edge_of_a_bright_rim_is_not_taken_for_the_outline():
    labels = labels_of(disc())
    snapped, offsets = snap_to_edges(labels, painted((disc(), 120), (disc(radius=51.0), 96)))
    assert np.array_equal(snapped, labels) and offsets == {}


def test_what_is_thin_is_not_given_up_for_stronger_edges_in_what_is_thick():
    seat, legs = disc(80.0, radius=30.0), np.zeros((HEIGHT, WIDTH), bool)
    for column in range(60, 260, 12):
        legs[110:220, column : column + 4] = True
    labels = labels_of(seat | legs)
    snapped, offsets = snap_to_edges(labels, painted((seat | legs, 110), (disc(80.0, radius=26.0), 200)))
    assert np.array_equal(snapped, labels) and offsets == {}


def test_the_masks_given_are_left_as_they_are():
    labels = labels_of(resized(disc(), 3))
    before = labels.copy()
    snap_to_edges(labels, picture(disc()))
    assert np.array_equal(labels, before)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_in_a_flat_photograph_masks_stay(value: int):
    labels = labels_of(resized(disc(), 3))
    snapped, offsets = snap_to_edges(labels, np.full((HEIGHT, WIDTH, 3), value, np.uint8))
    assert np.array_equal(snapped, labels) and offsets == {}


@pytest.mark.parametrize("pixels", [-3, 3])
def test_an_object_cut_by_the_border_comes_back_and_stays_cut(pixels: int):
    cut = disc(x=300.0)
    wrong = resized(disc(x=300.0, width=WIDTH + 60), pixels)[:, :WIDTH]
    snapped, _ = snap_to_edges(labels_of(wrong), picture(cut))
    assert iou(snapped == 1, cut) >= 0.95
    assert (snapped[:, -1] == 1).sum() >= cut[:, -1].sum() - 8


@pytest.mark.parametrize("pixels", [-3, 3])
def test_touching_objects_both_come_back(pixels: int):
    left, right = disc(x=110.0, radius=50.0), disc(x=210.0, radius=50.0)
    snapped, _ = snap_to_edges(labels_of(resized(left, pixels), resized(right, pixels)), picture(left, right))
    assert iou(snapped == 1, left) >= 0.93 and iou(snapped == 2, right) >= 0.93


def test_objects_never_grow_over_each_other_nor_over_what_nobody_knows():
    labels = labels_of(resized(disc(), -3))
    ring = resized(disc(), 4) & ~resized(disc(), -2)
    labels[ring & (np.indices(ring.shape)[1] < 160)] = -1
    labels[ring & (np.indices(ring.shape)[1] >= 160)] = 2
    snapped, _ = snap_to_edges(labels, picture(disc()))
    assert ((snapped == 1) <= (labels >= 0)).all()
    assert (snapped[labels == -1] == -1).all()


def test_a_mask_of_noise_stays():
    noise = labels_of(np.random.default_rng(3).random((HEIGHT, WIDTH)) < 0.3)
    snapped, _ = snap_to_edges(noise, picture(disc()))
    assert np.array_equal(snapped, noise)


@pytest.mark.parametrize("mask", ["nothing", "everything", "one pixel", "a line"])
def test_masks_without_an_outline_to_speak_of_stay(mask: str):
    labels = np.zeros((HEIGHT, WIDTH), np.int16)
    labels[{"nothing": slice(0), "everything": ..., "one pixel": (5, 5), "a line": 7}[mask]] = 1
    snapped, offsets = snap_to_edges(labels, picture(disc()))
    assert np.array_equal(snapped, labels) and offsets == {}


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (4, 4), (9, 300)])
def test_images_of_a_few_pixels_are_no_trouble(shape: tuple[int, int]):
    labels = np.ones(shape, np.int16)
    labels[:, : shape[1] // 2] = 0
    snapped, _ = snap_to_edges(labels, np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8))
    assert snapped.shape == shape


def test_labels_of_hundreds_are_kept_apart():
    labels = 300 * labels_of(resized(disc(), 3)).astype(np.int16)
    snapped, offsets = snap_to_edges(labels, picture(disc()))
    assert set(offsets) == {300} and iou(snapped == 300, disc()) > 0.97


def test_large_photographs_are_searched_at_a_small_size():
    large = disc(1080.0, 1920.0, 500.0, 2160, 3840)
    image = cv2.resize(picture(disc(120.0, 213.0, 55.6, 240, 427)), (3840, 2160), interpolation=cv2.INTER_CUBIC)
    image[large] = np.clip(image[large].astype(int) + 90, 0, 255).astype(np.uint8)
    labels = labels_of(resized(large, 18))
    snapped, offsets = snap_to_edges(labels, image)
    assert offsets[1] == pytest.approx(-18, abs=6)
    assert iou(snapped == 1, large) > iou(labels == 1, large)


@pytest.mark.parametrize("capture", ["tabletop", "kitchen", "desk"])
@pytest.mark.skipif(not CAPTURES.is_dir(), reason="The captures are not beside this checkout.")
def test_disturbed_masks_of_real_pictures_come_back(capture: str):
    kept, recovered = [], {-3: [], 3: []}
    for photograph in sorted((CAPTURES / capture / "images").iterdir())[::16]:
        image = np.asarray(Image.open(photograph).convert("RGB"))
        true = np.asarray(Image.open(CAPTURES / capture / "masks" / f"{photograph.stem}.png")).astype(np.int16)
        kept.append(_mean_iou(snap_to_edges(true, image)[0], true))
        for pixels, found in recovered.items():
            wrong = labels_of(*(resized(true == label, pixels) for label in range(1, true.max() + 1)))
            found.append(_mean_iou(snap_to_edges(wrong, image)[0], true))
    assert np.mean(kept) > 0.98
    assert all(np.mean(found) >= 0.9 for found in recovered.values())


def _mean_iou(found: np.ndarray, true: np.ndarray) -> float:
    return float(np.mean([iou(found == label, true == label) for label in np.unique(true[true > 0])]))
