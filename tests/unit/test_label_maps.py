"""Labels follow their image: through downscaling and undistortion they land where the image's colours do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.data.datamanagers.full_images_datamanager import _undistort_image

from scorp_ns.data.label_maps import _capture_name, labels_of_image, photograph_of, snap_labels
from scorp_ns.products import UNKNOWN

WIDTH, HEIGHT = 96, 72

OPENCV = [0.08, -0.05, 0.0, 0.0, 0.004, -0.006]
"""nerfstudio's k1, k2, k3, k4, p1, p2 as of a phone."""
BARREL = [-0.25, 0.06, 0.0, 0.0, 0.0, 0.0]
FISHEYE = [0.05, 0.01, -0.004, 0.001, 0.0, 0.0]

LENSES = [(CameraType.PERSPECTIVE, OPENCV), (CameraType.PERSPECTIVE, BARREL), (CameraType.FISHEYE, FISHEYE)]


def camera(kind: CameraType = CameraType.PERSPECTIVE, distortion: list[float] | None = None) -> Cameras:
    """One camera as the data manager hands it on, its principal point a little off the middle."""
    cameras = Cameras(
        camera_to_worlds=torch.eye(4)[None, :3],
        fx=70.0,
        fy=71.0,
        cx=WIDTH / 2 + 1.5,
        cy=HEIGHT / 2 - 1.0,
        width=WIDTH,
        height=HEIGHT,
        distortion_params=None if distortion is None else torch.tensor([distortion]),
        camera_type=kind,
    )
    return cameras[0]


def some_labels(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Two discs, one of them cut by the border, and a square of which nobody knows."""
    rows, columns = np.indices((height, width))
    labels = np.zeros((height, width), np.int16)
    labels[(rows - 30) ** 2 + (columns - 40) ** 2 < 18**2] = 1
    labels[(rows - 60) ** 2 + (columns - 90) ** 2 < 16**2] = 2
    labels[5:15, 70:80] = UNKNOWN
    return labels


def undistorted_by_the_host(image: np.ndarray, one: Cameras) -> np.ndarray:
    assert one.distortion_params is not None
    K = one.get_intrinsics_matrices().numpy()
    return _undistort_image(one, one.distortion_params.numpy(), {}, image, K)[1]


def test_without_distortion_labels_stay_as_they_are():
    found = labels_of_image(some_labels(), camera(), WIDTH, HEIGHT)
    assert found.dtype == torch.int16 and np.array_equal(found.numpy(), some_labels())
    found = labels_of_image(some_labels(), camera(distortion=[0.0] * 6), WIDTH, HEIGHT)
    assert np.array_equal(found.numpy(), some_labels())


def test_a_frame_without_map_is_all_unknown():
    assert (labels_of_image(None, camera(*LENSES[0]), 90, 70) == UNKNOWN).all()
    assert labels_of_image(None, camera(), 90, 70).shape == (70, 90)


@pytest.mark.parametrize("factor", [2, 4])
def test_maps_of_another_size_are_resized_to_the_image(factor: int):
    large = some_labels().repeat(factor, axis=0).repeat(factor, axis=1)
    assert np.array_equal(labels_of_image(large, camera(), WIDTH, HEIGHT).numpy(), some_labels())
    small = some_labels()[::factor, ::factor]
    found = labels_of_image(small, camera(), WIDTH, HEIGHT).numpy()
    assert set(np.unique(found)) <= {UNKNOWN, 0, 1, 2}
    assert (found == some_labels()).mean() > 0.9


@pytest.mark.parametrize("kind, distortion", LENSES, ids=["phone", "barrel", "fisheye"])
def test_labels_land_where_the_colours_of_the_undistorted_image_do(kind: CameraType, distortion: list[float]):
    one, labels = camera(kind, distortion), some_labels()
    palette = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.float32)
    painted = undistorted_by_the_host(palette[labels], one)
    height, width = painted.shape[:2]
    found = labels_of_image(labels, one, width, height).numpy()
    assert not np.array_equal(found[: min(height, HEIGHT), : min(width, WIDTH)], labels[:height, :width])
    distances = np.linalg.norm(painted[:, :, None] - palette, axis=3)
    is_pure = distances.min(axis=2) < 1
    of_photograph = undistorted_by_the_host(np.ones((HEIGHT, WIDTH, 3), np.float32), one)[..., 0] > 0.999
    expected = np.array([0, 1, 2, UNKNOWN])[distances.argmin(axis=2)]
    assert (is_pure & of_photograph).mean() > 0.6
    assert np.array_equal(found[is_pure & of_photograph], expected[is_pure & of_photograph])
    # Between two colours the label is the nearer one's.
    assert (found[of_photograph] == expected[of_photograph]).mean() > 0.97
    assert (found[~of_photograph] == UNKNOWN).all()


def test_every_label_of_a_finely_checkered_map_is_some_nearby_pixels_own():
    """Labels are never mixed: between 1 and 300 there is no 150."""
    checkered = np.where(np.indices((HEIGHT, WIDTH)).sum(axis=0) % 2, 300, 1).astype(np.int16)
    for lens in LENSES:
        painted = undistorted_by_the_host(np.zeros((HEIGHT, WIDTH, 3), np.float32), camera(*lens))
        found = labels_of_image(checkered, camera(*lens), painted.shape[1], painted.shape[0])
        assert set(found.unique().tolist()) <= {UNKNOWN, 1, 300}


def test_the_camera_itself_is_left_as_it_is():
    one = camera(*LENSES[0])
    before = one.get_intrinsics_matrices().clone()
    assert one.distortion_params is not None
    shape = undistorted_by_the_host(np.zeros((HEIGHT, WIDTH, 3), np.float32), camera(*LENSES[0])).shape
    labels_of_image(some_labels(), one, shape[1], shape[0])
    assert torch.equal(one.get_intrinsics_matrices(), before)
    assert torch.equal(one.distortion_params, torch.tensor(LENSES[0][1]))
    assert (int(one.width), int(one.height)) == (WIDTH, HEIGHT)


@pytest.mark.parametrize(
    "path, name",
    [
        ("/c/images/a.png", "images/a.png"),
        ("/c/images_4/a.png", "images/a.png"),
        ("/c/images_4/deep/a.png", "images/deep/a.png"),
        ("/c/images_wide/a.png", "images_wide/a.png"),
        ("/c/left/images_4/a.png", "left/images_4/a.png"),
        ("/elsewhere/a.png", "/elsewhere/a.png"),
    ],
)
def test_images_go_by_the_names_of_the_originals(path: str, name: str):
    assert _capture_name(Path(path), Path("/c")) == name


def test_photographs_are_bytes_without_transparency():
    image = torch.rand(4, 5, 4)
    assert torch.equal(photograph_of({"image": image}), (image[..., :3] * 255).round().byte())
    as_bytes = (image * 255).byte()
    assert torch.equal(photograph_of({"image": as_bytes}), as_bytes[..., :3])


def test_what_snapping_moved_is_told_by_name_and_done_in_place():
    rows, columns = np.indices((120, 160))
    away = np.hypot(rows - 60, columns - 80)
    image = torch.from_numpy(np.where((away < 40)[..., None], 220, 30).repeat(3, axis=2).astype(np.uint8))
    data = [{"image": image, "object_labels": torch.from_numpy((away < 43).astype(np.int16))} for _ in range(3)]
    (message,) = snap_labels(data, ["mug ü"])
    assert "'mug ü'" in message and "shrunk" in message and "3 frames" in message
    for one in data:
        assert abs(int(one["object_labels"].sum()) - int((away < 40).sum())) < 200
    assert snap_labels(data, ["mug ü"]) == []
