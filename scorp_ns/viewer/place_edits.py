"""Edits of a proxy's pose: by numbers, by mirrors, or with a gizmo, which knows proper rotations only."""

from __future__ import annotations

import torch
from jaxtyping import Float64
from scipy.spatial.transform import Rotation
from torch import Tensor

from scorp_ns.gaussians.similarity import Similarity

AXES = ("x", "y", "z")


def proper_rotation(pose: Similarity) -> Float64[Tensor, "3 3"]:
    """The turn of a pose, which first mirrors x if the pose mirrors."""
    return pose.rotation @ mirror_of(pose)


def mirror_of(pose: Similarity) -> Float64[Tensor, "3 3"]:
    """The mirror of a pose, applied before its rotation: the identity, or x reversed."""
    return _mirror(0) if pose.is_mirrored else torch.eye(3, dtype=torch.float64)


def turned_to(pose: Similarity, rotation: Float64[Tensor, "3 3"], translation: Float64[Tensor, " 3"]) -> Similarity:
    """The pose with another proper turn and another place; it keeps its size, and mirrors if it did."""
    return Similarity(rotation @ mirror_of(pose), translation, pose.scale)


def resized(pose: Similarity, factor: float) -> Similarity:
    """The pose with so many times the size, about the middle of the proxy."""
    return Similarity(pose.rotation, pose.translation, factor * pose.scale)


def flipped(pose: Similarity, axis: str) -> Similarity:
    """The pose after half a turn about an axis of the proxy's own."""
    signs = -torch.ones(3, dtype=torch.float64)
    signs[AXES.index(axis)] = 1
    return Similarity(pose.rotation @ torch.diag(signs), pose.translation, pose.scale)


def mirrored(pose: Similarity, axis: str) -> Similarity:
    """The pose of the proxy's mirror image along an axis of its own."""
    return Similarity(pose.rotation @ _mirror(AXES.index(axis)), pose.translation, pose.scale)


def nudged(
    pose: Similarity, move: tuple[float, ...], turn_deg: tuple[float, ...], capture_to_world: Similarity
) -> Similarity:
    """The pose moved along the capture's axes, in its units, and turned about them one after the other."""
    in_capture = capture_to_world.inverse() @ pose
    turn = torch.from_numpy(Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix())
    moved = in_capture.translation + torch.tensor(move, dtype=torch.float64)
    return capture_to_world @ Similarity(_tidy(turn @ in_capture.rotation), moved, in_capture.scale)


def rotation_from_wxyz(wxyz: tuple[float, ...]) -> Float64[Tensor, "3 3"]:
    """The turn that a quaternion of any length stands for."""
    w, x, y, z = map(float, wxyz)
    return torch.from_numpy(Rotation.from_quat([x, y, z, w]).as_matrix())


def wxyz_from_rotation(rotation: Float64[Tensor, "3 3"]) -> tuple[float, float, float, float]:
    """The quaternion of a turn."""
    x, y, z, w = Rotation.from_matrix(rotation.numpy()).as_quat().tolist()
    return w, x, y, z


def _mirror(axis: int) -> Float64[Tensor, "3 3"]:
    signs = torch.ones(3, dtype=torch.float64)
    signs[axis] = -1
    return torch.diag(signs)


def _tidy(rotation: Float64[Tensor, "3 3"]) -> Float64[Tensor, "3 3"]:
    """The orthogonal matrix next to one that many small turns have worn."""
    U, _, Vh = torch.linalg.svd(rotation)
    return U @ Vh
