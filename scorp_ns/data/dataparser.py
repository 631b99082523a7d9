"""nerfstudio's own dataparser, with a capture that was checked first and seed points read without open3d."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.dataparsers.nerfstudio_dataparser import Nerfstudio
from nerfstudio.utils.rich_utils import CONSOLE
from rich.markup import escape
from torch import Tensor

from scorp_ns.data.capture.check import check_capture
from scorp_ns.data.capture.reading import Capture
from scorp_ns.data.capture.splits import check_names_tell_split, require_list
from scorp_ns.errors import CaptureError
from scorp_ns.formats.point_ply import SeedPoints, read_points
from scorp_ns.gaussians.similarity import Similarity

CAPTURE_TO_WORLD = "capture_to_world"
"""The key in dataparser outputs' metadata of the similarity from the file's poses to those of training."""

OLD_COLMAP_TRANSFORM = [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, -1, 0]]
"""The transform that the host takes for applied to captures from COLMAP models before it wrote that down."""


@dataclass
class CaptureDataParser(Nerfstudio):
    """Parses what `nerfstudio-data` parses, to the same result; faults are found before anything else is done."""

    _capture: Capture | None = field(default=None, init=False, repr=False)
    _seed_points: SeedPoints | None = field(default=None, init=False, repr=False)

    def _generate_dataparser_outputs(self, split: str = "train") -> DataparserOutputs:
        """One split's cameras, images and seed points; the training images again where none are left to evaluate on."""
        if self._capture is None:
            self._capture = self._check()
        require_list(self._capture, split)
        # nerfstudio stops to ask about captures of its early days unless it believes that it has asked already.
        self.prompted_user, self.create_pc = True, False
        outputs = super()._generate_dataparser_outputs(split)
        outputs.metadata[CAPTURE_TO_WORLD] = self._capture_to_world(outputs)
        if split == "train":
            self._check_training_images(len(outputs.image_filenames))
        elif not outputs.image_filenames:
            CONSOLE.log(
                "[yellow]No image is left to evaluate on, so the training images serve, and the scores flatter. "
                "With `nerfstudio-data --train-split-fraction 0.8` more images are held out."
            )
            return super()._generate_dataparser_outputs("train")
        return outputs

    def _capture_to_world(self, outputs: DataparserOutputs) -> Similarity:
        """From the poses in the file to those of training.

        The host's own transform starts from the coordinates before `applied_transform`, which the file only mentions.
        """
        assert self._capture is not None
        content, applied = self._capture.content, torch.eye(4, dtype=torch.float64)
        if "applied_transform" in content:
            applied[:3] = torch.tensor(content["applied_transform"], dtype=torch.float64)
        elif (self.config.data / "colmap/sparse/0").exists():
            applied[:3] = torch.tensor(OLD_COLMAP_TRANSFORM, dtype=torch.float64)
        transform = outputs.dataparser_transform.double() @ torch.linalg.inv(applied)
        return Similarity.from_matrix(transform, outputs.dataparser_scale / content.get("applied_scale", 1))

    def _check(self) -> Capture:
        """The capture, once all is well with it."""
        # nerfstudio sets the factor beforehand to say that images will not be opened, as when a scene is only viewed.
        with_images = self.downscale_factor is None
        capture = check_capture(self.config.data, self.config.downscale_factor, with_images=with_images)
        if self.config.eval_mode == "filename":
            check_names_tell_split(capture)
        if self.config.load_3D_points and "ply_file_path" not in capture.content:
            CONSOLE.log(
                f"No seed points ('ply_file_path') in {escape(str(capture.path))}: starting from random points."
            )
        return capture

    def _check_training_images(self, number: int) -> None:
        """Returns if there is more than one image to train on."""
        assert self._capture is not None
        if number < 2:
            raise CaptureError(
                f"Of {len(self._capture.frames)} images in {self._capture.path}, {number} would be for training.",
                "At least two are needed.",
                "Extend 'train_filenames' where the file has it; otherwise pass `nerfstudio-data --eval-mode all`.",
            )

    def _load_3D_points(  # noqa: N802 (nerfstudio's name)
        self, ply_file_path: Path, transform_matrix: Float[Tensor, "3 4"], scale_factor: float
    ) -> dict[str, Tensor]:
        """The seed points, oriented, centred and scaled as the cameras are, and their colours in 0..255."""
        if self._seed_points is None:
            self._seed_points = read_points(ply_file_path)
            if self._seed_points.num_dropped:
                CONSOLE.log(f"[yellow]{self._seed_points.num_dropped} seed points without finite position left out.")
        xyz = torch.from_numpy(self._seed_points.xyz)
        xyz = torch.cat([xyz, torch.ones_like(xyz[:, :1])], dim=1) @ transform_matrix.T
        return {"points3D_xyz": xyz * scale_factor, "points3D_rgb": torch.from_numpy(self._seed_points.rgb)}
