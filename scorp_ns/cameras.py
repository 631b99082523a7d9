"""Pinhole cameras: the one place for projection, rays, unprojection and the convention of pixel centres.

Axes are OpenCV's (x right, y down, z forward), and viewmats lead from the world to them; other axes are converted here.
Places in an image are columns and rows counted from its upper left corner, so that the centre of the first pixel is at
(0.5, 0.5), as the renderer has it; the pixel of a place is found by rounding down. Depths are along the camera's axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

PIXEL_CENTER = 0.5
"""Column and row of the centre of an image's first pixel."""

Array = TypeVar("Array", bound=Any)


@dataclass(frozen=True)
class Pinhole(Generic[Array]):
    """The maths of a pinhole camera without skew, for tensors and for NumPy's arrays alike, in the precision given.

    Points are [n, 3]; columns, rows and depths share any one shape.
    """

    viewmat: Array
    """[4, 4], world to OpenCV camera, a rigid motion."""
    K: Array
    """[3, 3], intrinsics."""
    width: int
    height: int

    @property
    def rotation(self) -> Array:
        """The rotation from the world to the camera."""
        return self.viewmat[:3, :3]

    @property
    def translation(self) -> Array:
        """The world's origin in the camera's axes."""
        return self.viewmat[:3, 3]

    @property
    def center(self) -> Array:
        """The camera's position in the world."""
        return -self.rotation.T @ self.translation

    def to_camera(self, points: Array) -> Array:
        """World points in the camera's axes."""
        return points @ self.rotation.T + self.translation

    def to_world(self, local: Array) -> Array:
        """World points, from the camera's axes."""
        return (local - self.translation) @ self.rotation

    def homogeneous(self, local: Array) -> Array:
        """Columns and rows times depth, and depths, of points in the camera's axes."""
        return local @ self.K.T

    def project(self, points: Array) -> Array:
        """Columns and rows [n, 2] of world points; only those of points before the camera mean anything."""
        homogeneous = self.homogeneous(self.to_camera(points))
        return homogeneous[:, :2] / homogeneous[:, 2:]

    def frames(self, homogeneous: Array) -> Array:
        """The mask [n] of homogeneous places that lie before the camera and within the image."""
        x, y, z = homogeneous.T
        return (z > 0) & (x >= 0) & (x < z * self.width) & (y >= 0) & (y < z * self.height)

    def contains(self, points: Array) -> Array:
        """The mask [n] of world points that lie before the camera and within the image, behind whatever."""
        return self.frames(self.homogeneous(self.to_camera(points)))

    def local_directions(self, columns: Array, rows: Array) -> Array:
        """Directions [..., 3] through places of the image in the camera's axes, of length 1 along the camera's axis."""
        return _stacked([columns, rows, 0 * rows + 1]) @ _inverse(self.K).T

    def directions(self, columns: Array, rows: Array) -> Array:
        """The same directions in the world: depths are lengths along them."""
        return self.local_directions(columns, rows) @ self.rotation

    def pixel_directions(self, columns: Array, rows: Array) -> Array:
        """World directions through the centres of pixels with these whole numbers."""
        return self.directions(_centers(columns, self.K), _centers(rows, self.K))

    def at_depths(self, columns: Array, rows: Array, depths: Array) -> Array:
        """Points [..., 3] in the camera's axes that places of the image show at these depths."""
        x = (columns - self.K[0, 2]) / self.K[0, 0] * depths
        y = (rows - self.K[1, 2]) / self.K[1, 1] * depths
        return _stacked([x, y, depths])

    def unproject(self, depth: Array, chosen: Array) -> Array:
        """World points [n, 3] in the centres of the chosen pixels of a depth map, row by row."""
        rows, columns = _places(chosen)
        depths = depth[rows, columns]
        return self.to_world(self.at_depths(_centers(columns, depths), _centers(rows, depths), depths))


@dataclass(frozen=True)
class ArrayCamera(Pinhole[np.ndarray]):
    """A pinhole camera of NumPy's arrays."""

    viewmat: Float[np.ndarray, "4 4"]
    K: Float[np.ndarray, "3 3"]
    width: int
    height: int

    @property
    def intrinsics(self) -> Float[np.ndarray, " 4"]:
        """Focal lengths and principal point: fx, fy, cx, cy."""
        return np.array([self.K[0, 0], self.K[1, 1], self.K[0, 2], self.K[1, 2]])

    def pixel_centers(self) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
        """Columns and rows of all pixels' centres."""
        rows, columns = np.indices((self.height, self.width)) + PIXEL_CENTER
        return columns, rows


@dataclass(frozen=True)
class Camera(Pinhole[Tensor]):
    """A pinhole camera of tensors."""

    viewmat: Float[Tensor, "4 4"]
    K: Float[Tensor, "3 3"]
    width: int
    height: int

    @classmethod
    def square(cls, viewmat: Float[Tensor, "4 4"], focal: float, side: int) -> Camera:
        """The camera of a square picture, whose axis goes through the picture's middle; `focal` is in pixels."""
        return cls(viewmat, viewmat.new_tensor([[focal, 0, side / 2], [0, focal, side / 2], [0, 0, 1]]), side, side)

    @property
    def pose(self) -> Float[Tensor, "4 4"]:
        """Camera to world, in double precision."""
        return torch.linalg.inv(self.viewmat.double())

    def to(self, place: torch.device | torch.dtype | str | Tensor) -> Camera:
        """The same camera on a device, in a precision, or in those of a tensor."""
        return replace(self, viewmat=self.viewmat.to(place), K=self.K.to(place))

    def exact(self) -> Camera:
        """The same camera in double precision in the memory of the CPU."""
        return self.to(torch.float64).to("cpu")

    def numpy(self) -> ArrayCamera:
        """The same camera of NumPy's arrays, in double precision."""
        exact = self.exact()
        return ArrayCamera(exact.viewmat.numpy(), exact.K.numpy(), self.width, self.height)

    def cropped(self, left: int, top: int, width: int, height: int) -> Camera:
        """The camera of a window of the image, which may reach beyond it."""
        K = self.K.clone()
        K[0, 2] -= left
        K[1, 2] -= top
        return replace(self, K=K, width=width, height=height)

    def resized(self, width: int, height: int) -> Camera:
        """The camera of the image at another resolution: edges stay edges, as pixel centres lie at halves."""
        scale = self.K.new_tensor([width / self.width, height / self.height, 1.0])
        return replace(self, K=torch.diag(scale) @ self.K, width=width, height=height)

    def downscaled(self, factor: int) -> Camera:
        """The camera of the image at 1/`factor` of the resolution, cut to whole pixels."""
        if factor == 1:
            return self
        scale = self.K.new_tensor([[1 / factor], [1 / factor], [1.0]])
        return replace(self, K=self.K * scale, width=self.width // factor, height=self.height // factor)

    def pixel_centers(self) -> tuple[Float[Tensor, "h w"], Float[Tensor, "h w"]]:
        """Columns and rows of all pixels' centres."""
        rows, columns = (torch.arange(size).to(self.K) + PIXEL_CENTER for size in (self.height, self.width))
        rows, columns = torch.meshgrid(rows, columns, indexing="ij")
        return columns, rows


def viewmat_at(rotation: Float[Tensor, "3 3"], center: Float[Tensor, " 3"]) -> Float[Tensor, "4 4"]:
    """The viewmat of a camera that stands at `center`; the rows of `rotation` are its axes in the world."""
    viewmat = torch.eye(4).to(rotation)
    viewmat[:3, :3] = rotation
    viewmat[:3, 3] = -rotation @ center
    return viewmat


def viewmats_from_camera_to_worlds(T_world_opengl: Float[Tensor, "b 3 4"]) -> Float[Tensor, "b 4 4"]:
    """World-to-camera matrices in OpenCV axes, from nerfstudio's camera-to-world matrices in OpenGL axes."""
    opengl_from_opencv = T_world_opengl.new_tensor([1.0, -1.0, -1.0])
    R_camera_world = (T_world_opengl[:, :, :3] * opengl_from_opencv).transpose(1, 2)
    t_camera_world = -torch.bmm(R_camera_world, T_world_opengl[:, :, 3:])
    bottom_row = T_world_opengl.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(len(T_world_opengl), 1, 4)
    return torch.cat([torch.cat([R_camera_world, t_camera_world], dim=2), bottom_row], dim=1)


def _stacked(parts: Sequence[Any]) -> Any:
    return torch.stack(list(parts), dim=-1) if isinstance(parts[0], Tensor) else np.stack(parts, axis=-1)


def _inverse(matrix: Any) -> Any:
    return torch.linalg.inv(matrix) if isinstance(matrix, Tensor) else np.linalg.inv(matrix)


def _places(chosen: Any) -> Any:
    """Rows and columns of the pixels that a mask chooses."""
    return chosen.nonzero(as_tuple=True) if isinstance(chosen, Tensor) else chosen.nonzero()


def _centers(numbers: Any, like: Any) -> Any:
    """The centres of pixels along one axis, for tensors in the precision of another: theirs is single by default."""
    return (numbers.to(like) if isinstance(numbers, Tensor) else numbers) + PIXEL_CENTER
