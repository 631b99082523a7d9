"""Images and cameras, one full image per batch."""

from __future__ import annotations

import math
import random
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from nerfstudio.cameras.camera_optimizers import CameraOptimizer
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.datamanagers.full_images_datamanager import FullImageDatamanager, FullImageDatamanagerConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import Nerfstudio
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor

from scorp_ns.cameras import PIXEL_CENTER
from scorp_ns.data.capture.images import check_image_decodes
from scorp_ns.data.dataparser import CAPTURE_TO_WORLD, CaptureDataParser
from scorp_ns.data.label_maps import LABELS, frames_of, labels_of_image, snap_labels, views_of
from scorp_ns.errors import CaptureError, CheckpointError, MaskError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.masks.check import MaskCheck, check_masks
from scorp_ns.masks.source import Frame, MaskRequest
from scorp_ns.plugins.registry import MASK_SOURCES, load_plugin
from scorp_ns.products import CapturedView, ObjectMasks


@dataclass
class RayRequest:
    """The stand-in for a pixel sampler that exporters find: setting its number of rays makes batches of rays come."""

    num_rays_per_batch: int | None = None


@dataclass
class ScorpDataManagerConfig(FullImageDatamanagerConfig):
    """Settings of images, cameras and masks."""

    _target: type = field(default_factory=lambda: ScorpDataManager)
    masks_path: Path | None = None
    """Folder or file of object masks; found in the capture by itself where they lie in a known layout."""
    mask_source: str = "files"
    """The source of object masks: `files`, or the name of an installed plugin."""
    snap_masks: bool = True
    """Move the outlines of object masks that are evenly too wide or too tight to the edges in the photographs."""


class ScorpDataManager(FullImageDatamanager):
    """nerfstudio's full images, from a capture that was checked first, in an order that can be resumed."""

    config: ScorpDataManagerConfig

    def __init__(self, config: ScorpDataManagerConfig, *args: Any, **kwargs: Any) -> None:
        if config.dataparser._target is Nerfstudio:
            config.dataparser._target = CaptureDataParser
        self.train_pixel_sampler = RayRequest()
        self.eval_order: list[int] = []
        self.eval_generator = random.Random(config.train_cameras_sampling_seed)
        super().__init__(config, *args, **kwargs)

    def create_train_dataset(self) -> InputDataset:
        """The training images; the model finds their cameras in the metadata, to know where to start."""
        outputs = self.train_dataparser_outputs
        _check_projection(outputs.cameras)
        outputs.metadata["cameras"] = outputs.cameras
        return super().create_train_dataset()

    @property
    def object_masks(self) -> ObjectMasks | None:
        """The usable masks of the training images, followed by the evaluation images; None without objects."""
        return None if self.mask_check is None else self.mask_check.masks

    @cached_property
    def mask_check(self) -> MaskCheck | None:
        """The findings about the object masks, with those that can be used; None without object masks."""
        return None if self.given_masks is None else check_masks(self.given_masks, self.mask_frames)

    @cached_property
    def given_masks(self) -> ObjectMasks | None:
        """The object masks as the user gives them."""
        request = MaskRequest(
            data=self.get_datapath(),
            frames=self.mask_frames,
            masks_path=self.config.masks_path,
            valid_pixel_masks=frozenset(path.absolute() for path in self.train_dataparser_outputs.mask_filenames or []),
            warn=lambda message: CONSOLE.print(message, style="yellow", markup=False),
        )
        try:
            return load_plugin(MASK_SOURCES, self.config.mask_source).build(request)
        except MaskError as error:
            if self.test_mode == "val":
                raise
            # A finished run is evaluated and viewed without them as well.
            CONSOLE.print(f"Object masks are left out. {error}", style="yellow", markup=False)
            return None

    @cached_property
    def mask_frames(self) -> tuple[Frame, ...]:
        """The images that object masks may be about: those for training, then those for evaluation."""
        folder = self.get_datapath()
        folder = folder.parent if folder.is_file() else folder
        datasets = (self.train_dataset, self.eval_dataset)
        return sum((frames_of(dataset._dataparser_outputs, folder) for dataset in datasets), ())

    @property
    def capture_to_world(self) -> Similarity:
        """The similarity from the frame of the input poses, which users know, to that of training."""
        outputs = self.train_dataparser_outputs
        known = outputs.metadata.get(CAPTURE_TO_WORLD)
        return known or Similarity.from_matrix(outputs.dataparser_transform, outputs.dataparser_scale)

    def captured_views(self, correction: CameraOptimizer, device: torch.device | str) -> list[CapturedView]:
        """The training images with their labels, and with the poses that this optimizer has corrected."""
        images = self.cached_train  # The host knows the cameras of the training images once these are loaded.
        cameras = self.train_cameras.to(device)
        poses = []
        for index in range(len(cameras)):
            camera = cameras[index : index + 1]
            camera.metadata = {"cam_idx": index}
            with torch.no_grad():
                poses.append(correction.apply_to_camera(camera))
        return views_of(images, self.mask_frames[: len(images)], cameras, torch.cat(poses))

    def evaluation_views(self, device: torch.device | str) -> list[CapturedView]:
        """The images that are held out of training, with their labels."""
        images, cameras = self.cached_eval, self.eval_dataset.cameras.to(device)
        return views_of(images, self.mask_frames[-len(images) :], cameras, cameras.camera_to_worlds)

    def next_train(self, step: int) -> tuple[Cameras | RayBundle, dict[str, Any]]:
        """The next training image; its rays, once an exporter has asked for rays."""
        camera, data = super().next_train(step)
        num_rays = self.train_pixel_sampler.num_rays_per_batch
        return (camera, data) if num_rays is None else (_ray_image(camera, num_rays), data)

    def _train_image_names(self) -> list[str]:
        return [path.name for path in self.train_dataset.image_filenames]

    def _load_images(self, split: Literal["train", "eval"], *args: Any, **kwargs: Any) -> list[dict[str, Tensor]]:
        """All images of a split in memory, with object labels; an image that cannot be decoded is named."""
        dataset = self.train_dataset if split == "train" else self.eval_dataset
        cameras_of_photographs = deepcopy(dataset.cameras)
        try:
            images = super()._load_images(split, *args, **kwargs)
        except (OSError, SyntaxError, ValueError):  # Pillow raises all three for broken files.
            for path in self.train_dataset.image_filenames + self.eval_dataset.image_filenames:
                check_image_decodes(path)
            raise
        if self.object_masks is not None:
            first = 0 if split == "train" else len(self.train_dataset)
            for index, data in enumerate(images):
                label_map = self.object_masks.label_map(first + index)
                height, width = data["image"].shape[:2]
                labels = labels_of_image(label_map, cameras_of_photographs[index], width, height)
                data[LABELS] = labels.to(data["image"].device)
            if split == "train" and self.config.snap_masks:
                for message in snap_labels(images, [info.name for info in self.object_masks.objects]):
                    CONSOLE.print(message, markup=False)
        return images

    def next_eval_image(self, step: int) -> tuple[Cameras, dict[str, Any]]:
        """The next evaluation image, in an order that does not depend on Python's global random generator.

        The host draws from that one, but so does the console for every link it prints.
        """
        if not self.eval_order:
            self.eval_order = self.eval_generator.sample(range(len(self.eval_dataset)), len(self.eval_dataset))
        self.eval_unseen_cameras = [self.eval_order.pop()]
        return super().next_eval_image(step)

    def sampling_state(self) -> dict[str, Any]:
        """The state of the order of images, in plain types."""
        state: dict[str, Any] = {
            "train_images": self._train_image_names(),
            "train_unseen_cameras": [int(index) for index in self.train_unseen_cameras],
            "eval_order": list(self.eval_order),
            "eval_generator": self.eval_generator.getstate(),
        }
        if hasattr(self, "random_generator"):
            state["random_generator"] = self.random_generator.getstate()
        if hasattr(self, "train_unsampled_epoch_count"):
            state["train_unsampled_epoch_count"] = self.train_unsampled_epoch_count.tolist()
        return state

    def load_sampling_state(self, state: dict[str, Any]) -> None:
        """Continue with the images that would have come next when `sampling_state` was taken."""
        if state["train_images"] != self._train_image_names():
            raise CheckpointError(
                found=f"The checkpoint was trained on {len(state['train_images'])} images that are not the "
                f"{len(self.train_dataset)} training images of this capture.",
                needed="A run goes on with the images it began with.",
                do="Give --data and the data parser's options of the first run again.",
            )
        self.train_unseen_cameras = list(state["train_unseen_cameras"])
        self.eval_order = list(state["eval_order"])
        self.eval_generator.setstate(state["eval_generator"])
        if "random_generator" in state:
            self.random_generator.setstate(state["random_generator"])
        if "train_unsampled_epoch_count" in state:
            self.train_unsampled_epoch_count[:] = state["train_unsampled_epoch_count"]


def _check_projection(cameras: Cameras) -> None:
    """Refuse images that would be taken for a pinhole camera's; those of known lenses are undistorted on loading."""
    types = cameras.camera_type.flatten().tolist()
    has_distortion = cameras.distortion_params is not None and bool(torch.any(cameras.distortion_params != 0))
    undistorted = {CameraType.PERSPECTIVE.value} | (
        {CameraType.FISHEYE.value, CameraType.FISHEYE624.value} if has_distortion else set()
    )
    found = sorted({CameraType(kind).name for kind in types if kind not in undistorted})
    if found:
        raise CaptureError(
            found=f"The capture has cameras of type {', '.join(found)}"
            f"{'' if has_distortion else ' without lens distortion parameters'}.",
            needed="Gaussians are rendered by pinhole cameras; images of known lenses are undistorted to such.",
            do="Convert the images to perspective ones (for 360 degree images: ns-process-data --camera-type "
            "equirectangular), or give the lens parameters k1 to k4.",
        )


def _ray_image(camera: Cameras, num_rays: int) -> RayBundle:
    """About `num_rays` rays of one camera, through an even grid of its pixels that starts at a random one."""
    height, width = int(camera.height.item()), int(camera.width.item())
    stride = max(1, round(math.sqrt(height * width / num_rays)))
    first_row, first_column = torch.randint(0, stride, (2,)).tolist()
    rows = torch.arange(first_row, height, stride) + PIXEL_CENTER
    columns = torch.arange(first_column, width, stride) + PIXEL_CENTER
    coords = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1).to(camera.device)
    camera.metadata = None  # The host would index per-camera metadata with ray indices.
    return camera.generate_rays(camera_indices=0, coords=coords, disable_distortion=True)
