"""The pictures of the viewer, which training and nerfstudio's other tools never see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import torch
from jaxtyping import Float, Int16
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from scorp_ns.gaussians.seeding import SH_C0, base_features
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import parameters_from_gaussians
from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.model import ScorpModel
from scorp_ns.model_config import AFTER, BEFORE
from scorp_ns.model_config import OBJECTS as ALL_OBJECTS
from scorp_ns.viewer.masked_photographs import MaskedPhotographs
from scorp_ns.viewer.object_markers import color_of

TINT = 0.6
"""The share of an object's own colour that gives way to its label's."""

DIVIDER = (1.0, 0.83, 0.41)
"""The colour of the line between two halves, which is that of the viewer's buttons."""

GREY = 0.5
"""The brightness of what no visibility is asked of, as a share of its own."""


class Shown(str, Enum):
    """The Gaussians of a picture; the values are the texts in the panel."""

    SCENE = "scene"
    BEFORE = "scene before"
    SPLIT = "before | after"
    OBJECTS = "objects only"
    OBJECT = "chosen object"
    LIFTED = "chosen object as lifted"
    PROXY = "its proxy"
    PLACED = "its proxy in the scene"
    MASKS = "photograph with masks"


class Colors(str, Enum):
    """The meanings of a picture's colours; the values are the texts in the panel."""

    PHOTOGRAPHED = "as photographed"
    LABELS = "tinted by object"
    VISIBILITY = "how well seen"


@dataclass(frozen=True)
class ViewChoice:
    """The view that a person chose."""

    shown: Shown = Shown.SCENE
    colors: Colors = Colors.PHOTOGRAPHED
    name: str | None = None
    """The chosen object."""
    split: float = 0.5
    """The place at which a divided picture changes from before to after, as a share of its width."""
    draft: Similarity | None = None
    """The pose of the chosen object's proxy while it is moved by hand."""
    photographs: MaskedPhotographs | None = None
    """The photographs with their masks."""


@dataclass(frozen=True)
class LabelledGaussians:
    """Parameters of Gaussians, and what is known of each."""

    parameters: dict[str, Tensor]
    labels: Int16[Tensor, " n"]
    visibility: Float[Tensor, " n"]

    def with_more(self, others: LabelledGaussians) -> LabelledGaussians:
        """These Gaussians and others."""
        parameters = {name: torch.cat([value, others.parameters[name]]) for name, value in self.parameters.items()}
        return LabelledGaussians(
            parameters,
            torch.cat([self.labels, others.labels]),
            torch.cat([self.visibility, others.visibility]),
        )

    def only(self, chosen: Tensor) -> LabelledGaussians:
        """The chosen ones among them."""
        parameters = {name: value[chosen] for name, value in self.parameters.items()}
        return LabelledGaussians(parameters, self.labels[chosen], self.visibility[chosen])


def render_choice(model: ScorpModel, choice: ViewChoice, camera: Cameras) -> dict[str, Tensor]:
    """The outputs of a camera for the chosen view; of the scene, where that is not there."""
    if choice.shown == Shown.MASKS and choice.photographs is not None:
        outputs = render_choice(model, replace(choice, shown=Shown.SCENE), camera)
        return outputs | {"rgb": choice.photographs.over(outputs["rgb"], camera)}
    if choice.shown != Shown.SPLIT:
        return model.render_parameters(camera, _painted(gaussians_of(model, choice), choice, model.config.sh_degree))
    width = int(camera.width.item())
    middle = min(max(round(choice.split * width), 1), width - 1)
    halves = [
        model.render_parameters(part, _painted(_shown(model, show), choice, model.config.sh_degree))
        for part, show in ((_part(camera, 0, middle), BEFORE), (_part(camera, middle, width), AFTER))
    ]
    outputs = {name: torch.cat([half[name] for half in halves], dim=1) for name in halves[0]}
    outputs["rgb"][:, middle] = torch.tensor(DIVIDER).to(outputs["rgb"])
    return outputs


def gaussians_of(model: ScorpModel, choice: ViewChoice) -> LabelledGaussians:
    """The Gaussians that a look shows; the scene's, where what it shows is not there."""
    name = choice.name if choice.name in model.scene_objects.names else None
    if choice.shown == Shown.BEFORE:
        return _shown(model, BEFORE)
    if choice.shown == Shown.OBJECTS and model.scene_objects.names:
        return _shown(model, ALL_OBJECTS)
    if name is None or choice.shown in (Shown.SCENE, Shown.OBJECTS, Shown.MASKS):
        return _shown(model, AFTER)
    if choice.shown == Shown.OBJECT:
        return _shown(model, name)
    before, label = _shown(model, BEFORE), model.scene_objects.record(name).label
    if choice.shown == Shown.LIFTED:
        return before.only(before.labels == label)
    proxy = _proxy(model, name, choice.draft)
    if proxy is None:
        return _shown(model, AFTER)
    return proxy if choice.shown == Shown.PROXY else before.only(before.labels != label).with_more(proxy)


def _shown(model: ScorpModel, show: str) -> LabelledGaussians:
    return LabelledGaussians(*model.shown_with_labels(show))


def _proxy(model: ScorpModel, name: str, draft: Similarity | None) -> LabelledGaussians | None:
    """The surface of a proxy at its pose, or where it is moved by hand; None without either."""
    if name not in model.scene_proxies.names:
        return None
    proxy = model.scene_proxies.proxy(name)
    pose = draft or proxy.T_world_proxy
    if pose is None:
        return None
    parameters = parameters_from_gaussians(transform_gaussians(proxy.gaussians, pose), model.config.sh_degree)
    parameters = {key: value.to(model.device) for key, value in parameters.items()}
    labels = torch.full((len(proxy.gaussians),), model.scene_objects.record(name).label, dtype=torch.int16)
    return LabelledGaussians(parameters, labels.to(model.device), torch.zeros(len(labels)).to(model.device))


def _part(camera: Cameras, first: int, last: int) -> Cameras:
    """The camera of some columns of a picture."""
    return Cameras(
        camera_to_worlds=camera.camera_to_worlds,
        fx=camera.fx,
        fy=camera.fy,
        cx=camera.cx - first,
        cy=camera.cy,
        width=last - first,
        height=camera.height,
    ).to(camera.device)


def _painted(rows: LabelledGaussians, choice: ViewChoice, sh_degree: int) -> dict[str, Tensor]:
    """The parameters in the chosen colours."""
    if choice.colors == Colors.PHOTOGRAPHED:
        return rows.parameters
    features = rows.parameters["features_dc"]
    own = torch.sigmoid(features) if sh_degree == 0 else (0.5 + SH_C0 * features).clamp(0, 1)
    is_object = (rows.labels > 0)[:, None]
    if choice.colors == Colors.LABELS:
        colors = torch.where(is_object, (1 - TINT) * own + TINT * label_colors(rows.labels), own)
        rest = torch.where(is_object, 1 - TINT, 1.0)
    else:
        colors = torch.where(is_object, visibility_colors(rows.visibility), GREY * own.mean(dim=1, keepdim=True))
        rest = torch.zeros_like(own[:, :1])
    return rows.parameters | {
        "features_dc": base_features(colors, sh_degree),
        "features_rest": rows.parameters["features_rest"] * rest[..., None],
    }


def label_colors(labels: Int16[Tensor, " n"]) -> Float[Tensor, "n 3"]:
    """The colour that stands for each label."""
    known, places = torch.unique(labels, return_inverse=True)
    return torch.tensor([color_of(label) for label in known.tolist()]).reshape(-1, 3).to(labels.device)[places]


def visibility_colors(visibility: Float[Tensor, " n"]) -> Float[Tensor, "n 3"]:
    """Red where nothing was seen, over yellow, to green where all was."""
    seen = visibility.clamp(0, 1)
    return torch.stack([(2 - 2 * seen).clamp(max=1), (2 * seen).clamp(max=1), torch.zeros_like(seen)], dim=1)
