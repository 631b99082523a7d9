"""The Gaussians that are visible: nerfstudio's tools get the composite, and the scene before where it is asked for."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int16
from nerfstudio.models.splatfacto import SplatfactoModel
from torch import Tensor
from torch.nn import ParameterDict

from scorp_ns.errors import OutputError
from scorp_ns.gaussians.splats import Gaussians, gaussians_from_parameters
from scorp_ns.messages import all_of, did_you_mean
from scorp_ns.model_config import AFTER, BEFORE, OBJECTS, ModelSettings
from scorp_ns.scene.composite import COLORS, ONLY_AFTER, ONLY_BEFORE, SceneComposite
from scorp_ns.scene.moving_proxies import MovingProxies
from scorp_ns.scene.objects import SceneObjects
from scorp_ns.scene.pose_refinement import PoseRefinement


class VisibleGaussians(SplatfactoModel):
    """Splatfacto's parameters, of which training has all and everybody else those that are to be shown."""

    config: ModelSettings
    gauss_params: ParameterDict
    scene_objects: SceneObjects
    scene_composite: SceneComposite
    scene_refinement: PoseRefinement
    moving_proxies: MovingProxies
    show: str = AFTER
    """BEFORE, AFTER, OBJECTS or an object's name."""

    @property
    def is_frozen(self) -> bool:
        """Whether Gaussians neither come nor go: once the scene is composed, and while places of proxies learn."""
        return self.scene_composite.is_composed or self.scene_refinement.is_open

    @property
    def scene(self) -> Gaussians:
        """The composite as it is now, cut from training; what is only there before is in its rows, but transparent."""
        return self._with_hidden(dict(self.gauss_params.items()), ONLY_BEFORE)

    @property
    def scene_before(self) -> Gaussians:
        """The scene as it was composed from; what came with proxies is in its rows, but transparent."""
        return self._with_hidden(self._parameters_before(), ONLY_AFTER)

    def owned(self, show: str) -> tuple[Gaussians, Int16[Tensor, " n"]]:
        """The Gaussians that are to be shown, and the label of each one's object."""
        rows, labels = self._shown_rows(show), self._labels()
        parameters = self._parameters_before() if show == BEFORE else dict(self.gauss_params.items())
        gaussians = gaussians_from_parameters(parameters, self.config.sh_degree)
        return (gaussians, labels) if rows is None else (gaussians[rows], labels[rows])

    def _labels(self) -> Int16[Tensor, " n"]:
        labels = self.scene_objects.labels
        return labels if len(labels) else torch.zeros(len(self.gauss_params["means"]), dtype=torch.int16).to(labels)

    def _with_hidden(self, parameters: dict[str, Tensor], layer: int) -> Gaussians:
        gaussians, layers = gaussians_from_parameters(parameters, self.config.sh_degree), self.scene_composite.layers
        if len(layers) == 0:
            return gaussians
        gaussians.opacities[layers == layer] = 0
        return gaussians

    def _parameters_before(self) -> dict[str, Tensor]:
        parameters, composite = dict(self.gauss_params.items()), self.scene_composite
        if len(composite.layers) == 0:
            return parameters
        return parameters | {name: getattr(composite, name) for name in COLORS}

    def shown_parameters(self) -> dict[str, Tensor]:
        """The parameters of what is to be shown; in training of all that training may change."""
        if self.training:
            return self._learning_parameters()
        return self.shown_with_labels(self.show)[0]

    def shown_with_labels(self, show: str) -> tuple[dict[str, Tensor], Int16[Tensor, " n"], Float[Tensor, " n"]]:
        """The parameters of what is to be shown, with the label and the visibility of each row's Gaussian."""
        if show == AFTER and self.scene_refinement.is_open:
            return self.moving_proxies.shown(dict(self.gauss_params.items()), self.config.sh_degree)
        parameters = self._parameters_before() if show == BEFORE else dict(self.gauss_params.items())
        rows, labels, visibility = self._shown_rows(show), self._labels(), self.scene_objects.visibility
        visibility = visibility if len(visibility) else torch.zeros(len(labels)).to(visibility)
        if rows is None:
            return parameters, labels, visibility
        return {name: value[rows] for name, value in parameters.items()}, labels[rows], visibility[rows]

    def _learning_parameters(self) -> dict[str, Tensor]:
        """Parameters rendered in training: once composed, only colours learn, those of proxies alike from all sides.

        What fills in what no photograph sees keeps its colour: the little that shines through to a photograph says
        nothing of it, and Adam takes steps as large as any from the smallest gradients.
        """
        parameters = dict(self.gauss_params.items())
        if not self.scene_composite.is_composed:
            return parameters
        layers = self.scene_composite.layers
        is_own = layers != ONLY_AFTER
        learns = is_own | (self.scene_objects.visibility > 0)
        constant, turning = (parameters[name] for name in COLORS)
        learning = {
            "features_dc": torch.where(learns[:, None], constant, constant.detach()),
            "features_rest": turning * is_own[:, None, None],
        }
        frozen = {name: value.detach() for name, value in parameters.items() if name not in COLORS}
        return {name: value[layers != ONLY_BEFORE] for name, value in (frozen | learning).items()}

    def _shown_rows(self, show: str) -> Bool[Tensor, " n"] | None:
        """The mask of rows that are to be shown; None for all."""
        layers = self.scene_composite.layers
        if show in (BEFORE, AFTER):
            return None if len(layers) == 0 else layers != (ONLY_AFTER if show == BEFORE else ONLY_BEFORE)
        is_shown = self._is_of(show)
        return is_shown if len(layers) == 0 else is_shown & (layers != ONLY_BEFORE)

    def _is_of(self, show: str) -> Bool[Tensor, " n"]:
        labels, names = self._labels(), self.scene_objects.names
        if show == OBJECTS and names:
            return labels > 0
        if show not in names:
            known = f"the run has {all_of(names)}" if names else "the run has no lifted objects"
            raise OutputError(
                f"model.show is '{show}'.",
                f"It can be {AFTER}, {BEFORE}, {OBJECTS} or the name of an object; {known}.",
                f"{did_you_mean([show], [AFTER, BEFORE, OBJECTS, *names])} It stands in the run's config.yml.",
            )
        is_of = torch.zeros(len(labels), dtype=torch.bool, device=labels.device)
        is_of[self.scene_objects.indices(show)] = True
        return is_of

    def _shown(self, name: str) -> Tensor:
        return self.gauss_params[name] if self.training else self.shown_parameters()[name]

    @property
    def means(self) -> Tensor:
        """Centres."""
        return self._shown("means")

    @property
    def scales(self) -> Tensor:
        """Logarithms of the standard deviations."""
        return self._shown("scales")

    @property
    def quats(self) -> Tensor:
        """Rotations, wxyz."""
        return self._shown("quats")

    @property
    def opacities(self) -> Tensor:
        """Logits of the opacities."""
        return self._shown("opacities")

    @property
    def features_dc(self) -> Tensor:
        """Colours, but for what depends on the view."""
        return self._shown("features_dc")

    @property
    def features_rest(self) -> Tensor:
        """The dependence of colours on the view."""
        return self._shown("features_rest")
