"""A square of the ground in cells, as a picture taken from straight above shows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from scipy import ndimage
from scipy.spatial.transform import Rotation
from torch import Tensor

from scorp_ns.cameras import Camera, viewmat_at
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import Support
from scorp_ns.render import render

CELLS = 128
"""Cells along a side of the square that is looked at."""

CAMERA_HEIGHT = 40.0
"""The camera's height above the ground, in the square's sides: all is seen from straight above."""

WIDTH, FLATNESS = 0.75, 0.05
"""Standard deviations of new Gaussians, in cells: along the ground, and across it as a share of that."""

OPACITY = 0.97
"""Of new Gaussians."""


@dataclass(frozen=True)
class GroundSquare:
    """A square of the plane in cells, as a picture taken from straight above has them."""

    center: Float32[np.ndarray, " 3"]
    axes: Float32[np.ndarray, "3 3"]
    """Rows: to the picture's right, to its top, and up."""
    cell: float

    @classmethod
    def around(cls, support: Support, reach: float) -> GroundSquare:
        """The square that reaches so far from a plane's point to its sides."""
        up = torch.nn.functional.normalize(support.up.double().cpu(), dim=0)
        helper = torch.eye(3, dtype=torch.float64)[int(up.abs().argmin())]
        right = torch.nn.functional.normalize(torch.linalg.cross(helper, up), dim=0)
        axes = torch.stack([right, torch.linalg.cross(up, right), up])
        return cls(support.point.float().cpu().numpy(), axes.float().numpy(), 2 * reach / CELLS)

    def cells_of(self, length: float) -> int:
        """A length in cells, at least one."""
        return max(1, round(length / self.cell))

    def outline(self, points: Float[Tensor, "p 3"]) -> Bool[np.ndarray, "n n"]:
        """The cells that points stand above, with those between them."""
        rows, columns, is_inside = self._cells(points)
        cells = np.zeros((CELLS, CELLS), bool)
        cells[rows[is_inside], columns[is_inside]] = True
        return np.asarray(ndimage.binary_fill_holes(ndimage.binary_closing(cells, iterations=3)), bool)

    def is_in(self, cells: Bool[np.ndarray, "n n"], points: Float[Tensor, "p 3"]) -> Bool[Tensor, " p"]:
        """The mask of points that stand above the cells, or lie below them."""
        rows, columns, is_inside = self._cells(points)
        found = is_inside & cells[rows.clip(0, CELLS - 1), columns.clip(0, CELLS - 1)]
        return torch.from_numpy(found).to(points.device)

    def _cells(
        self, points: Float[Tensor, "p 3"]
    ) -> tuple[Int64[np.ndarray, " p"], Int64[np.ndarray, " p"], Bool[np.ndarray, " p"]]:
        """Rows and columns of the cells of points, and which of them lie in the square."""
        local = (points.cpu().numpy() - self.center) @ self.axes.T / self.cell
        rows = np.floor(CELLS / 2 - local[:, 1]).astype(np.int64)
        columns = np.floor(CELLS / 2 + local[:, 0]).astype(np.int64)
        return rows, columns, (rows >= 0) & (rows < CELLS) & (columns >= 0) & (columns < CELLS)

    def seen_from_above(
        self, ground: Gaussians, support: Support
    ) -> tuple[Float32[np.ndarray, "n n k"], Float32[np.ndarray, "n n"]]:
        """For each cell the ground's height and all coefficients of its colour, and how opaque it is."""
        if len(ground) == 0:
            number = 1 + ground.harmonics[0:1].numel()
            return np.zeros((CELLS, CELLS, number), np.float32), np.zeros((CELLS, CELLS), np.float32)
        channels = torch.cat([support.heights(ground.means)[:, None], ground.harmonics.flatten(1)], dim=1)
        drawn = render(ground, self._camera(), channels=channels)
        values = drawn.colors / drawn.alpha[..., None].clamp_min(1e-6)
        return values.cpu().numpy(), drawn.alpha.cpu().numpy()

    def _camera(self) -> Camera:
        """A camera so high above the square that it sees all of it from straight above."""
        distance = CAMERA_HEIGHT * CELLS * self.cell
        axes, center = torch.from_numpy(self.axes).double(), torch.from_numpy(self.center).double()
        # OpenCV's camera looks along its z, and its y points down in the picture.
        rotation = axes * axes.new_tensor([1.0, -1.0, -1.0])[:, None]
        return Camera.square(viewmat_at(rotation, center + distance * axes[2]), CAMERA_HEIGHT * CELLS, CELLS)

    def flat_gaussians(
        self, is_filled: Bool[np.ndarray, "n n"], values: Float32[np.ndarray, "m k"], like: Gaussians
    ) -> Gaussians:
        """One Gaussian per filled cell, flat on the ground, of the kind of `like`."""
        rows, columns = np.nonzero(is_filled)
        places = np.stack([columns + 0.5 - CELLS / 2, CELLS / 2 - rows - 0.5, values[:, 0] / self.cell], axis=1)
        turn = Rotation.from_matrix(self.axes.T.astype(np.float64)).as_quat()[[3, 0, 1, 2]]
        width, number, new = WIDTH * self.cell, len(rows), like.means.new_tensor
        return Gaussians(
            means=new(self.center + self.cell * places @ self.axes),
            quats=new(turn).repeat(number, 1),
            scales=new([width, width, FLATNESS * width]).repeat(number, 1),
            opacities=new([OPACITY]).repeat(number),
            harmonics=new(values[:, 1:]).reshape(number, -1, 3),
        )
