"""Object masks as they fit the images that are trained on: downscaled, undistorted and cropped with them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int16, UInt8
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.datamanagers.full_images_datamanager import _undistort_image
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from torch import Tensor

from scorp_ns.cameras import viewmats_from_camera_to_worlds
from scorp_ns.masks.pixels import resize_nearest
from scorp_ns.masks.snapping import snap_to_edges
from scorp_ns.masks.source import Frame
from scorp_ns.messages import counted
from scorp_ns.products import UNKNOWN, CapturedView, LabelMap

DOWNSCALED_FOLDER = re.compile(r"^images_\d+(?=/)")
"""nerfstudio's folders of smaller copies of the images, which go by the names of the originals."""

WHOLE_PIXEL = 0.999
"""A pixel of an undistorted image comes from the photograph if so much of it does."""


LABELS = "object_labels"
"""The key of labels in an image's data."""


def views_of(
    images: Sequence[dict[str, Any]], frames: Sequence[Frame], cameras: Cameras, poses: Float[Tensor, "n 3 4"]
) -> list[CapturedView]:
    """Images as the object stages see them: each with its name, its labels and its camera at one of the poses."""
    entries = zip(images, frames, viewmats_from_camera_to_worlds(poses), cameras.get_intrinsics_matrices(), strict=True)
    return [
        CapturedView(frame.name, photograph_of(data), data.get(LABELS), viewmat, K)
        for data, frame, viewmat, K in entries
    ]


def frames_of(outputs: DataparserOutputs, folder: Path) -> tuple[Frame, ...]:
    """The images of one split, as the mask sources want to know them."""
    sizes = zip(outputs.cameras.width.flatten().tolist(), outputs.cameras.height.flatten().tolist(), strict=True)
    return tuple(
        Frame(path.absolute(), _capture_name(path, folder), width, height)
        for path, (width, height) in zip(outputs.image_filenames, sizes, strict=True)
    )


def _capture_name(path: Path, folder: Path) -> str:
    try:
        name = path.absolute().relative_to(folder.absolute()).as_posix()
    except ValueError:
        return path.as_posix()
    return DOWNSCALED_FOLDER.sub("images", name)


def labels_of_image(
    label_map: LabelMap | None, camera: Cameras, width: int, height: int
) -> Int16[Tensor, "{height} {width}"]:
    """The labels of an image's pixels; `camera` is the image's own, before undistortion, `width` and `height` after."""
    if label_map is None:
        return torch.full((height, width), UNKNOWN, dtype=torch.int16)
    labels = resize_nearest(label_map, int(camera.width.item()), int(camera.height.item()))
    if camera.distortion_params is not None and bool(torch.any(camera.distortion_params != 0)):
        labels = _undistorted(labels, camera)
    assert labels.shape == (height, width)
    return torch.from_numpy(np.ascontiguousarray(labels, dtype=np.int16))


def _undistorted(labels: LabelMap, camera: Cameras) -> Int16[np.ndarray, "rows columns"]:
    """The labels after all that the host does to the image, by nearest neighbour.

    The host interpolates, which labels do not survive. So it is given an image of pixel coordinates instead, which
    do: what comes back says where each pixel comes from, and whether it comes from the photograph at all.
    """
    camera = deepcopy(camera).reshape(())
    rows, columns = np.indices(labels.shape, dtype=np.float32)
    places = np.stack([rows, columns, np.ones_like(rows)], axis=2)
    assert camera.distortion_params is not None
    K = camera.get_intrinsics_matrices().numpy()
    _, places, _ = _undistort_image(camera, camera.distortion_params.numpy(), {}, places, K)
    is_known = places[..., 2] >= WHOLE_PIXEL
    rows, columns = (np.rint(np.where(is_known, places[..., axis], 0)).astype(int) for axis in range(2))
    return np.where(is_known, labels[rows, columns], np.int16(UNKNOWN))


def snap_labels(images: Sequence[dict[str, Any]], names: Sequence[str]) -> list[str]:
    """Move the outlines of the images' object labels to the photographs' edges, in place; what was moved, in words."""
    moves: dict[int, list[float]] = {}
    for data in images:
        labels, moved = snap_to_edges(data[LABELS].cpu().numpy(), photograph_of(data).cpu().numpy())
        data[LABELS] = torch.from_numpy(labels).to(data[LABELS].device)
        for label, offset in moved.items():
            moves.setdefault(label, []).append(offset)
    return [
        f"The masks of '{names[label - 1]}' were {'grown' if median > 0 else 'shrunk'} to the photographs' edges "
        f"in {counted(len(offsets), 'frame')}, by {abs(median):.1f} pixels in the middle."
        for label, offsets in sorted(moves.items())
        for median in [float(np.median(offsets))]
    ]


def photograph_of(data: dict[str, Any]) -> UInt8[Tensor, "h w 3"]:
    """An image of the data manager's as bytes, without its transparency."""
    image = data["image"][..., :3]
    return image if image.dtype == torch.uint8 else (image * 255).round().to(torch.uint8)
