"""Camera poses that are poses: 4x4, finite, rigid, of one handedness and at more than one place."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np
from jaxtyping import Float

from scorp_ns.data.capture.reading import Capture
from scorp_ns.errors import CaptureError
from scorp_ns.messages import some_of

ORTHONORMAL_TOLERANCE = 0.05
"""Largest entry of R^T R - I: far beyond what rounding to two or three digits does, far below a forgotten scale."""

SAME_PLACE = 1e-6
"""Cameras closer together than this share of their distance from the origin are at one place."""

ORIENTATIONS = ("pca", "up", "vertical", "none")
"""The ways in which nerfstudio can turn a scene upright."""

NEEDED = "'transform_matrix' must be a 4x4 camera-to-world matrix: a rotation, a position and the row 0, 0, 0, 1."


def check_poses(capture: Capture) -> None:
    """Returns if all poses are usable; a CaptureError names the frames whose poses are not."""
    matrices = _matrices(capture)
    _raise_for(capture, ~np.isfinite(matrices).all(axis=(1, 2)), "hold NaN or infinity", "Remove these frames.")
    _raise_for(
        capture,
        np.abs(matrices[:, 3] - (0.0, 0.0, 0.0, 1.0)).max(axis=1) > 1e-3,
        "do not end in the row 0, 0, 0, 1",
        "Transpose them if the position stands in the last row; otherwise write them as camera-to-world matrices.",
    )
    rotations = matrices[:, :3, :3].astype(np.float64)
    errors = np.abs(rotations.transpose(0, 2, 1) @ rotations - np.eye(3)).max(axis=(1, 2))
    _raise_for(
        capture,
        errors > ORTHONORMAL_TOLERANCE,
        f"do not hold a rotation (columns off unit length or right angles by up to {errors.max():.2g})",
        "Divide a scale out of the three columns, or remove these frames.",
    )
    is_mirrored = np.linalg.det(rotations) < 0
    if not is_mirrored.all():
        _raise_for(capture, is_mirrored, "mirror the scene, unlike the others", "Check how their axes were converted.")
    _check_positions(capture, matrices[:, :3, 3].astype(np.float64))


def check_reference(capture: Capture) -> None:
    """Returns if what the file says about the frame of its poses can be followed."""
    content = capture.content
    if "orientation_override" in content and content["orientation_override"] not in ORIENTATIONS:
        raise CaptureError(
            f"'orientation_override' in {capture.path} is {content['orientation_override']!r}.",
            f"It must be one of {', '.join(ORIENTATIONS)}.",
            "Correct or remove it.",
        )
    for key, shape in (("applied_transform", (3, 4)), ("applied_scale", ())):
        value = _matrix(content[key]) if key in content else np.zeros(shape)
        if value is None or value.shape != shape or not np.isfinite(value).all():
            raise CaptureError(
                f"'{key}' in {capture.path} is {reprlib.repr(content[key])}.",
                f"It must be {'a 3x4 matrix of finite numbers' if shape else 'a finite number'}.",
                "Correct it; it leads from the original coordinates to those of the file.",
            )
    axes = np.array(content.get("applied_transform", np.eye(3, 4)), dtype=float)[:, :3]
    if not np.allclose(axes @ axes.T, np.eye(3), atol=ORTHONORMAL_TOLERANCE) or not content.get("applied_scale", 1) > 0:
        raise CaptureError(
            f"'applied_transform' or 'applied_scale' in {capture.path} bends, stretches or flattens space.",
            "They must be a rotation, or a reflection, with a translation, and a number above 0.",
            "Correct them; they lead from the original coordinates to those of the file.",
        )


def _matrices(capture: Capture) -> Float[np.ndarray, "n 4 4"]:
    """All poses, in the precision that nerfstudio keeps."""
    matrices = [_matrix(frame["transform_matrix"]) for frame in capture.frames]
    whole = [matrix for matrix in matrices if matrix is not None and matrix.shape == (4, 4)]
    if len(whole) < len(matrices):
        is_wrong = np.array([matrix is None or matrix.shape != (4, 4) for matrix in matrices])
        first = matrices[int(is_wrong.argmax())]
        shape = "no tables of numbers" if first is None else f"{'x'.join(map(str, first.shape))} instead of 4x4"
        _raise_for(
            capture, is_wrong, f"are {shape}", "Add the row 0, 0, 0, 1 to a 3x4 matrix; repair or remove others."
        )
    with np.errstate(over="ignore"):
        return np.stack(whole).astype(np.float32)


def _matrix(value: Any) -> np.ndarray | None:
    """The value as an array of numbers, or None where it is not one."""
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None


def _check_positions(capture: Capture, positions: Float[np.ndarray, "n 3"]) -> None:
    """Returns if the cameras are not all at one place."""
    spread = np.abs(positions - positions.mean(axis=0)).max()
    if spread > SAME_PLACE * np.abs(positions).max():
        return
    place = ", ".join(f"{coordinate:.4g}" for coordinate in positions[0])
    raise CaptureError(
        f"All {len(positions)} cameras in {capture.path} are at one place ({place}).",
        "Depth can only be seen from different places.",
        "Move the camera while capturing; a turn on the spot does not do. If it moved, the poses are wrong.",
    )


def _raise_for(capture: Capture, is_bad: np.ndarray, what: str, do: str) -> None:
    """Raise if any frame is bad, with the bad frames' names."""
    names = [frame["file_path"] for frame, bad in zip(capture.frames, is_bad, strict=True) if bad]
    if names:
        found = f"Poses of {len(names)} of {len(is_bad)} frames in {capture.path} {what}: {some_of(names)}."
        raise CaptureError(found, NEEDED, do)
