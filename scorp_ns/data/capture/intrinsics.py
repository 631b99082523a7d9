"""Focal lengths, principal points and image sizes that a camera can have."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np
from jaxtyping import Float

from scorp_ns.data.capture.reading import Capture
from scorp_ns.errors import CaptureError
from scorp_ns.messages import some_of

PINHOLE_MODELS = frozenset({"SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV"})
"""Models with a straight projection, up to distortion: focal length and field of view determine each other."""

FISHEYE_MODELS = frozenset({"OPENCV_FISHEYE", "FISHEYE624"})
"""Models with a focal length, but fields of view up to 180 degrees and beyond."""

CAMERA_MODELS = (
    PINHOLE_MODELS
    | FISHEYE_MODELS
    | {"EQUIRECTANGULAR", "OMNIDIRECTIONALSTEREO_L", "OMNIDIRECTIONALSTEREO_R", "VR180_L", "VR180_R", "ORTHOPHOTO"}
)
"""The names that nerfstudio knows."""

NARROWEST_DEGREES, WIDEST_DEGREES = 1.0, 170.0
"""Fields of view beyond these mean a wrong focal length rather than an unusual lens."""

DISTORTION_KEYS = frozenset({"k1", "k2", "k3", "k4", "p1", "p2"})

FOCAL_HELP = "Focal lengths are in pixels of the images at full size; correct them in the file."


def check_intrinsics(capture: Capture) -> None:
    """Returns if a camera can have these intrinsics; a CaptureError names the value that it cannot have."""
    model = capture.content.get("camera_model", "OPENCV")
    if not isinstance(model, str) or model not in CAMERA_MODELS:
        raise CaptureError(
            f"{capture.path} has the camera_model {model!r}.",
            f"nerfstudio knows {', '.join(sorted(CAMERA_MODELS))}.",
            "Use one of these; OPENCV fits most photos.",
        )
    widths, heights = (_positive(capture, key, "Write the size of the images in pixels.") for key in ("w", "h"))
    focal_x, focal_y = (intrinsic(capture, key) for key in ("fl_x", "fl_y"))
    center_x, center_y = (intrinsic(capture, key) for key in ("cx", "cy"))
    if model in PINHOLE_MODELS | FISHEYE_MODELS:
        for key in ("fl_x", "fl_y"):
            _positive(capture, key, FOCAL_HELP)
    if model in PINHOLE_MODELS:
        for focal, center, size, axis in ((focal_x, center_x, widths, "x"), (focal_y, center_y, heights, "y")):
            _check_field_of_view(capture, focal, size, axis)
            _check_principal_point(capture, center, size, axis)


def check_distortion(capture: Capture) -> None:
    """Returns if all distortion coefficients are numbers that images can be straightened with."""
    holders = _distortion_holders(capture)
    for holder in holders:
        for key in DISTORTION_KEYS & holder.keys():
            _number(capture, key, holder[key])
        if "distortion_params" in holder:
            _check_distortion_list(capture, holder["distortion_params"])
    is_pinhole = capture.content.get("camera_model", "OPENCV") in PINHOLE_MODELS
    if is_pinhole and any(float(holder.get("k4", 0)) != 0 for holder in holders):
        raise CaptureError(
            f"{capture.path} has a 'k4' other than 0.",
            "Images of pinhole cameras can be straightened with k1, k2, k3, p1 and p2 only.",
            "Straighten the images beforehand, or name the camera_model OPENCV_FISHEYE if that is what it is.",
        )


def _distortion_holders(capture: Capture) -> list[dict[str, Any]]:
    """The place where nerfstudio reads distortion: the top if anything but k4 stands there, else the frames."""
    if (DISTORTION_KEYS - {"k4"} | {"distortion_params"}) & capture.content.keys():
        return [capture.content]
    return capture.frames


def _check_distortion_list(capture: Capture, values: Any) -> None:
    """Returns if a `distortion_params` is a list of finite numbers."""
    if not isinstance(values, list) or not values:
        raise CaptureError(
            f"'distortion_params' in {capture.path} is {reprlib.repr(values)}.",
            "It must be a list of numbers.",
            "Correct or remove it.",
        )
    for value in values:
        _number(capture, "distortion_params", value)


def intrinsic(capture: Capture, key: str) -> Float[np.ndarray, " n"]:
    """One finite value per frame: the file's own value for all frames comes before the frames' values."""
    if key in capture.content:
        values = [_number(capture, key, capture.content[key])] * len(capture.frames)
    else:
        missing = [frame["file_path"] for frame in capture.frames if key not in frame]
        if missing:
            raise _missing(capture, key, missing)
        values = [_number(capture, key, frame[key]) for frame in capture.frames]
    return np.array(values)


def _number(capture: Capture, key: str, value: Any) -> float:
    """The value as a finite number."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = np.nan
    if np.isfinite(number):
        return number
    raise CaptureError(
        f"'{key}' in {capture.path} is {reprlib.repr(value)}.", "A finite number is needed.", "Correct it in the file."
    )


def _missing(capture: Capture, key: str, missing: list[str]) -> CaptureError:
    """The error for an intrinsic that stands neither in the file's top nor in these frames."""
    needed = "Each of fl_x, fl_y, cx, cy, w and h must be given once for all frames or in every frame."
    if len(missing) < len(capture.frames):
        found = f"{len(missing)} of {len(capture.frames)} frames in {capture.path} have no '{key}': {some_of(missing)}."
        return CaptureError(found, needed, "Complete these frames.")
    do = "Add it; calibrate the camera or run ns-process-data if you do not know it."
    if "camera_angle_x" in capture.content:
        do = "Compute fl_x = fl_y = 0.5 * w / tan(0.5 * camera_angle_x), and add w, h, cx = w / 2 and cy = h / 2."
    return CaptureError(f"{capture.path} has no '{key}'.", needed, do)


def _positive(capture: Capture, key: str, do: str) -> Float[np.ndarray, " n"]:
    """The values of an intrinsic that has to be positive."""
    values = intrinsic(capture, key)
    if values.min() <= 0:
        raise CaptureError(f"'{key}' in {capture.path} is {values.min():g}.", "It must be positive.", do)
    return values


def _check_field_of_view(
    capture: Capture, focal: Float[np.ndarray, " n"], size: Float[np.ndarray, " n"], axis: str
) -> None:
    """Returns if every frame's field of view along an axis is one that lenses have."""
    degrees = np.rad2deg(2 * np.arctan(size / (2 * focal)))
    is_absurd = (degrees < NARROWEST_DEGREES) | (degrees > WIDEST_DEGREES)
    if not is_absurd.any():
        return
    index = int(is_absurd.argmax())
    raise CaptureError(
        f"'fl_{axis}' {focal[index]:g} in {capture.path} means a field of view of {degrees[index]:.3g} degrees "
        f"on {size[index]:g} pixels.",
        f"Between {NARROWEST_DEGREES:g} and {WIDEST_DEGREES:g} degrees are possible.",
        FOCAL_HELP,
    )


def _check_principal_point(
    capture: Capture, center: Float[np.ndarray, " n"], size: Float[np.ndarray, " n"], axis: str
) -> None:
    """Returns if every principal point lies within an image size of the image, where crops can still have it."""
    is_absurd = (center < -size) | (center > 2 * size)
    if not is_absurd.any():
        return
    index = int(is_absurd.argmax())
    raise CaptureError(
        f"'c{axis}' {center[index]:g} in {capture.path} lies far outside images of {size[index]:g} pixels.",
        "The principal point is usually close to the centre of the image.",
        "Give it in pixels from the top left corner of the images at full size.",
    )
