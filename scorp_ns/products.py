"""Products, which stages take and return: frozen, and checked when made."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int16, Int64, UInt8
from torch import Tensor

from scorp_ns.cameras import Camera
from scorp_ns.fields.proxy_field import ProxyField
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.old_paths import keep_old_names, warn_of_old_name
from scorp_ns.surfaces.mesh import ColoredMesh

UNKNOWN = -1
"""The label of a pixel that may or may not show an object."""

MOST_OBJECTS = 2**15 - 1
"""Most objects that a map's labels, signed 16-bit numbers, can tell apart."""

UNIT_TOLERANCE = 1e-4
"""Largest deviation of a direction's length from 1."""

BACKGROUND, VISIBLE, OCCLUDER = 255, 188, 0
"""Values of a trimap, in the code that amodal generators know: the background shows, the object does, or something may
hide it; the last is also the value of pixels without a known label."""

LabelMap = Int16[np.ndarray, "h w"]
"""One image's labels: 0 where no object is, k on the k-th object, UNKNOWN where neither is known."""


@dataclass(frozen=True)
class ObjectBox:
    """A box in the capture frame that holds one object."""

    center: tuple[float, float, float]
    size: tuple[float, float, float]
    """Whole lengths of its sides, in the capture's units."""
    wxyz: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    """Rotation of its sides from the capture's axes: a quaternion of any length but 0."""

    def __post_init__(self) -> None:
        assert all(map(math.isfinite, (*self.center, *self.size, *self.wxyz)))
        assert all(side > 0 for side in self.size) and any(self.wxyz)


@dataclass(frozen=True)
class ObjectInfo:
    """An object as the masks name it, before anything is computed."""

    name: str
    prompt: str | None = None
    """The object's description for generators; its name if None."""
    color: tuple[int, int, int] | None = None
    """The object's colour in pictures, in 0..255."""
    box: ObjectBox | None = None
    """The object's box, for objects without masks."""

    def __post_init__(self) -> None:
        assert self.name.strip()


@dataclass(frozen=True)
class ObjectMasks:
    """The label maps of all frames, and the objects that the labels stand for."""

    objects: tuple[ObjectInfo, ...]
    """The object with label k is `objects[k - 1]`."""
    readers: tuple[Callable[[], LabelMap] | None, ...]
    """One per frame, which reads its map at the mask's own size; None for a frame that has no map."""
    source: str
    """The masks' origin, for people."""

    def __post_init__(self) -> None:
        names = [info.name for info in self.objects]
        assert len(set(names)) == len(names) <= MOST_OBJECTS

    def label_map(self, frame: int) -> LabelMap | None:
        """The labels of a frame's pixels; None where the frame has no map."""
        reader = self.readers[frame]
        return None if reader is None else reader()

    def without(self, names: set[str]) -> ObjectMasks:
        """The same masks where pixels of the named objects show no object."""
        new_labels = np.zeros(len(self.objects) + 2, np.int16)
        new_labels[UNKNOWN] = UNKNOWN
        kept = [index for index, info in enumerate(self.objects) if info.name not in names]
        new_labels[[index + 1 for index in kept]] = np.arange(1, len(kept) + 1)

        def relabelled(reader: Callable[[], LabelMap]) -> Callable[[], LabelMap]:
            return lambda: new_labels[reader()]

        readers = tuple(None if reader is None else relabelled(reader) for reader in self.readers)
        return replace(self, objects=tuple(self.objects[index] for index in kept), readers=readers)


@dataclass(frozen=True)
class CapturedView:
    """A photograph with its camera and what is known of its objects."""

    name: str
    photograph: UInt8[Tensor, "h w 3"]
    labels: Int16[Tensor, "h w"] | None
    """A label map; None where nothing is known of the whole image."""
    viewmat: Float[Tensor, "4 4"]
    """World to OpenCV camera."""
    K: Float[Tensor, "3 3"]

    def __post_init__(self) -> None:
        assert self.labels is None or self.labels.shape == self.photograph.shape[:2]

    @property
    def width(self) -> int:
        return self.photograph.shape[1]

    @property
    def height(self) -> int:
        return self.photograph.shape[0]

    @property
    def camera(self) -> Camera:
        """The camera of the photograph."""
        return Camera(self.viewmat, self.K, self.width, self.height)


@dataclass(frozen=True)
class Support:
    """The plane an object stands on, in the world frame."""

    point: Float[Tensor, " 3"]
    """A point of the plane, below the object."""
    up: Float[Tensor, " 3"]
    """The plane's unit normal, on the object's side."""

    def __post_init__(self) -> None:
        assert abs(float(self.up.norm()) - 1) < UNIT_TOLERANCE

    def heights(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """Heights of points above the plane."""
        return (points - self.point.to(points)) @ self.up.to(points)


@dataclass(frozen=True)
class ObjectFrame:
    """The upright box around an object: its axes, with z up where up is known, and its size."""

    rotation: Float[Tensor, "3 3"]
    """Columns are the box's axes in the world frame."""
    center: Float[Tensor, " 3"]
    """The box's centre in the world frame."""
    extent: Float[Tensor, " 3"]
    """Whole lengths of the box's sides."""

    def __post_init__(self) -> None:
        unit = self.rotation.T @ self.rotation
        assert torch.allclose(unit, torch.eye(3).to(unit), atol=UNIT_TOLERANCE)
        assert bool((self.extent > 0).all())

    @property
    def diagonal(self) -> float:
        """The box's longest diagonal, the measure of all tolerances of an object."""
        return float(self.extent.norm())


@dataclass(frozen=True)
class ObjectView:
    """One photograph's square crop around an object, for generators and people."""

    name: str
    """The photograph it is cut from."""
    rgba: UInt8[np.ndarray, "s s 4"]
    """The object's pixels; alpha is its mask."""
    trimap: UInt8[np.ndarray, "s s"]
    """BACKGROUND, VISIBLE or OCCLUDER of each pixel."""
    viewmat: Float[Tensor, "4 4"]
    K: Float[Tensor, "3 3"]
    """Intrinsics of the crop itself."""
    scores: Mapping[str, float]
    """Why it was chosen: coverage, sharpness, size, completeness, each in 0..1."""

    def __post_init__(self) -> None:
        assert self.rgba.shape[:2] == self.trimap.shape

    @property
    def camera(self) -> Camera:
        """The camera of the crop."""
        return Camera(self.viewmat, self.K, *self.trimap.shape[::-1])

    @property
    def roles(self) -> UInt8[np.ndarray, "s s"]:
        """The trimap, under its name of before."""
        warn_of_old_name("ObjectView.roles", "trimap")
        return self.trimap


@dataclass(frozen=True)
class LiftedObject:
    """An object found in the scene: which Gaussians are its own, where it stands and who saw it."""

    name: str
    label: int
    """Its number among the labels of the scene's Gaussians."""
    indices: Int64[Tensor, " m"]
    """Its Gaussians in the scene."""
    visibility: Float[Tensor, " m"]
    """The largest share of itself that each of them showed any photograph, 0 to 1."""
    frame: ObjectFrame
    support: Support | None
    visible_shares: Mapping[str, float]
    """Per photograph, how much of the surface that any of them saw it shows."""
    mask_iou: float | None
    """Mean intersection over union of its silhouettes with its masks, hidden pixels left out; None without masks."""

    def __post_init__(self) -> None:
        assert len(self.indices) == len(self.visibility) > 0
        assert self.label > 0


@dataclass(frozen=True)
class LiftedScene:
    """The product of lifting: the object each of a scene's Gaussians belongs to, and the objects."""

    labels: Int16[Tensor, " n"]
    """The object each Gaussian belongs to; 0 is the remainder."""
    votes: Float[Tensor, "n labels"]
    """Blending weight of each Gaussian on the pixels of each label, over all photographs."""
    visibility: Float[Tensor, " n"]
    """The largest share of itself that each Gaussian showed any photograph, 0 to 1."""
    objects: tuple[LiftedObject, ...]
    views: Mapping[str, tuple[ObjectView, ...]]
    """Per object, the photographs that show it best."""
    failures: Mapping[str, str]
    """Per object that could not be lifted, why."""

    def __post_init__(self) -> None:
        assert len(self.labels) == len(self.votes) == len(self.visibility)
        assert all(bool((self.labels[one.indices] == one.label).all()) for one in self.objects)


@dataclass(frozen=True)
class PickedObject:
    """An object that was found by a click."""

    object: LiftedObject
    views: tuple[ObjectView, ...]
    """The photographs that show it best."""
    votes: Float[Tensor, " n"]
    """Blending weight of each of the scene's Gaussians on the pixels of the object."""
    visibility: Float[Tensor, " n"]
    """The largest share of itself that each of the scene's Gaussians showed any photograph, 0 to 1."""


@dataclass(frozen=True)
class ObjectCrop:
    """An object in a photograph, or in a window of it."""

    name: str
    """The photograph it is of."""
    photograph: UInt8[np.ndarray, "h w 3"]
    trimap: UInt8[np.ndarray, "h w"]
    """BACKGROUND, VISIBLE or OCCLUDER of each pixel."""
    depth: Float32[np.ndarray, "h w"]
    """Along the camera's axis, of whatever the trained scene shows there; infinite where it shows nothing."""
    viewmat: Float[Tensor, "4 4"]
    """Capture to OpenCV camera, a rigid motion."""
    K: Float[Tensor, "3 3"]
    """Intrinsics of the window itself."""

    def __post_init__(self) -> None:
        assert self.photograph.shape[:2] == self.trimap.shape == self.depth.shape

    @property
    def camera(self) -> Camera:
        """The camera of the photograph, or of its window."""
        return Camera(self.viewmat, self.K, *self.trimap.shape[::-1])

    @property
    def roles(self) -> UInt8[np.ndarray, "h w"]:
        """The trimap, under its name of before."""
        warn_of_old_name("ObjectCrop.roles", "trimap")
        return self.trimap


@dataclass(frozen=True)
class ProxyRequest:
    """An object as a generator gets it, all of it in the capture's frame and units."""

    name: str
    prompt: str
    """The object in words."""
    seed: int
    views: tuple[ObjectView, ...]
    """Square crops of the photographs that show the object best, best first."""
    frames: tuple[ObjectCrop, ...]
    """The same photographs, whole."""
    windows: tuple[ObjectCrop, ...]
    """All photographs that show the object, cut to the window around it."""
    gaussians: Gaussians
    """The object's Gaussians, lifted out of the scene."""
    visibility: Float[Tensor, " m"]
    """The largest share of itself that each Gaussian showed any photograph, 0 to 1."""
    frame: ObjectFrame
    support: Support | None
    up: Float[Tensor, " 3"]
    """The direction up, also where no support is known."""

    def __post_init__(self) -> None:
        assert len(self.gaussians) == len(self.visibility) > 0
        assert len(self.views) == len(self.frames)

    @property
    def sights(self) -> tuple[ObjectCrop, ...]:
        """The windows, under their name of before."""
        warn_of_old_name("ProxyRequest.sights", "windows")
        return self.windows


@dataclass(frozen=True)
class ProxyAsset:
    """A generator's reply: a complete object, in a frame and at a size of its own."""

    shape: ColoredMesh | Gaussians
    made_by: str
    """The generator or model, for people."""
    T_capture_asset: Similarity | None = None
    """The object's pose, if the generator knows."""
    is_in_place: bool = False
    """The pose is exact, as the generator worked where the object stands; else placing starts there."""
    up: tuple[float, float, float] | None = None
    """The direction up in the asset's own frame, if the generator knows."""
    evidence: Mapping[str, float | str] = dataclasses.field(default_factory=dict)
    """Measures of the reply, for people and reports."""
    license: str | None = None
    """The asset's terms of use, if the generator says."""


@dataclass(frozen=True)
class Proxy:
    """A complete object in a frame of its own: the box around it is centred at the origin and has the diagonal 1.

    Deforming its shape leaves the frame as it is, so that afterwards this holds but for some percent.
    """

    name: str
    field: ProxyField
    """Signed distance and colour."""
    gaussians: Gaussians
    """Its surface as flat Gaussians."""
    T_world_proxy: Similarity | None
    """Its pose in the frame of training, if that is known."""
    T_asset_proxy: Similarity
    """From its own frame to that of the generator's reply."""
    made_by: str
    """The generator or model, for people."""
    T_world_start: Similarity | None = None
    """Its pose as its generator believes it, if it says so without being sure."""
    evidence: Mapping[str, float | str] = dataclasses.field(default_factory=dict)
    """Measures of it, for people and reports."""
    notes: tuple[str, ...] = ()
    """Repairs, in plain words."""
    license: str | None = None
    """Its terms of use, if the generator says."""

    def __post_init__(self) -> None:
        assert len(self.gaussians) > 0


@dataclass(frozen=True)
class TunedColors:
    """A proxy in the colours of the photographs, where it stands."""

    field: ProxyField
    """The same surface, with tuned colours."""
    gaussians: Gaussians
    """The same, of the Gaussians on it."""
    color_map: Float[Tensor, "3 4"]
    """From the colours that were generated, with a 1 below them, to those that match."""
    evidence: Mapping[str, float]
    """The colours' error against the photographs at each step of tuning."""


@dataclass(frozen=True)
class ComposedObject:
    """The union of the lifted Gaussians that stay and those that the proxy adds."""

    name: str
    kept: Bool[Tensor, " m"]
    """The mask of the lifted Gaussians that stay."""
    fill: Gaussians
    """The proxy's Gaussians that are added, in the world frame."""
    seen: Bool[Tensor, " n"]
    """The mask of those that a photograph sees."""
    floaters: Int64[Tensor, " f"]
    """Indices in the scene of Gaussians that hang where the object is, belong to none and go."""
    evidence: Mapping[str, float]
    """Shares of the proxy's surface: seen by photographs, contradicted by them, and filled in."""

    def __post_init__(self) -> None:
        assert int(self.kept.sum()) + len(self.fill) > 0
        assert len(self.seen) == len(self.fill)


keep_old_names(__name__, Sight="ObjectCrop")
