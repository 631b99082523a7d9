"""Between the model and the places of proxies that learn: what is rendered then, what it costs, and what one sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int16
from torch import Tensor

from scorp_ns.fields.surface_gaussians import mesh_of
from scorp_ns.gaussians.splats import Gaussians, parameters_from_gaussians
from scorp_ns.pose.proxy_shape import CELLS
from scorp_ns.pose.refinement import MovingProxy, ProxyRender, refinement_losses, render_proxies
from scorp_ns.pose.silhouettes import Shot, silhouette
from scorp_ns.products import UNKNOWN
from scorp_ns.render import rasterization
from scorp_ns.render.surface_depth import SOLID
from scorp_ns.surfaces.queries import SurfaceQueries

if TYPE_CHECKING:
    from scorp_ns.model import ScorpModel


class PlaceRefinement:
    """The proxies whose places learn, in a scene that stays as it is meanwhile."""

    def __init__(self, model: ScorpModel) -> None:
        self._model = model
        self._gathered_for: tuple[str, ...] = ()
        self._proxies: list[MovingProxy] = []
        self._surfaces: list[SurfaceQueries] = []
        self._scene: Gaussians | None = None
        self._is_rest: Tensor | None = None

    def _gather(self) -> tuple[Gaussians, Tensor, list[MovingProxy]]:
        """The scene, which of it is none of the moving objects, and these; looked up once for each set of them."""
        model, names = self._model, self._model.scene_refinement.names
        if self._scene is None or self._is_rest is None or names != self._gathered_for:
            self._scene = model.scene_before
            self._is_rest = torch.ones(len(self._scene), dtype=torch.bool, device=self._scene.means.device)
            self._proxies, self._surfaces = [], []
            labels = {one.name: one.label for one in model.scene_objects.objects()}
            for name in names:
                self._is_rest[model.scene_objects.indices(name)] = False
                proxy, start = model.scene_proxies.proxy(name), model.scene_refinement.start(name)
                self._proxies.append(MovingProxy.at(labels[name], proxy.gaussians, start))
                self._surfaces.append(SurfaceQueries(mesh_of(proxy.field, 1 / CELLS)))
            self._gathered_for = names
        return self._scene, self._is_rest, self._proxies

    def forget(self) -> None:
        """Look everything up anew next time."""
        self._gathered_for, self._scene, self._is_rest, self._proxies, self._surfaces = (), None, None, [], []

    def outputs(
        self,
        viewmats: Float[Tensor, "1 4 4"],
        Ks: Float[Tensor, "1 3 3"],
        width: int,
        height: int,
        background: Float[Tensor, " 3"],
    ) -> dict[str, Tensor]:
        """What training renders of a view meanwhile."""
        viewmat, K, size = viewmats[0], Ks[0], (width, height)
        scene, is_rest, proxies = self._gather()
        changes = self._model.scene_refinement.usable_changes
        moved = [one.moved(change) for one, change in zip(proxies, changes, strict=True)]
        render = render_proxies(scene[is_rest], moved, viewmat, K, size, background)
        scene_depth, scene_alpha = _depth(scene, viewmat, K, size)
        return {
            "rgb": render.rgb,
            "accumulation": render.alpha,
            "background": background,
            "place_depth": render.depth,
            "place_weights": render.weights,
            "scene_depth": scene_depth,
            # Haze hides nothing, though it has a depth.
            "hiding_depth": scene_depth.where(scene_alpha > SOLID, torch.zeros_like(scene_depth)),
            "viewmat": viewmat,
            "K": K,
        }

    def losses(
        self, outputs: dict[str, Tensor], batch: dict[str, Any], target: Tensor, is_valid: Tensor | None
    ) -> dict[str, Tensor]:
        """What these renders cost beside a photograph."""
        _, _, proxies = self._gather()
        names = ("rgb", "accumulation", "place_depth", "place_weights")
        render = ProxyRender(*(outputs[name] for name in names))
        labels = _labels(batch, render.depth, is_valid)
        silhouettes, changes = [], self._model.scene_refinement.usable_changes
        for index, (proxy, surface) in enumerate(zip(proxies, self._surfaces, strict=True)):
            shot = Shot(outputs["viewmat"], outputs["K"], labels == proxy.label, outputs["hiding_depth"])
            silhouettes.append(silhouette(surface, proxy.place(changes[index]), shot, render.weights[..., index]))
        return refinement_losses(
            render, proxies, torch.stack(silhouettes, dim=-1), labels, target, outputs["scene_depth"]
        )

    @torch.no_grad()
    def shown(self) -> tuple[dict[str, Tensor], Int16[Tensor, " n"], Float[Tensor, " n"]]:
        """Splatfacto's parameters of what there is to see meanwhile: the proxies where they are now, and the rest.

        With the label and the visibility of each row's Gaussian; what of proxies is seen nobody knows yet.
        """
        model = self._model
        _, is_rest, proxies = self._gather()
        parameters = {name: value[is_rest] for name, value in model.gauss_params.items()}
        labels, visibility = model.scene_objects.labels[is_rest], model.scene_objects.visibility[is_rest]
        for one, change in zip(proxies, model.scene_refinement.usable_changes, strict=True):
            rows = parameters_from_gaussians(one.moved(change), model.config.sh_degree)
            parameters = {name: torch.cat([value, rows[name].to(value)]) for name, value in parameters.items()}
            number = len(one.gaussians)
            labels = torch.cat([labels, labels.new_full((number,), one.label)])
            visibility = torch.cat([visibility, visibility.new_zeros(number)])
        return parameters, labels, visibility


@torch.no_grad()
def _depth(
    scene: Gaussians, viewmat: Float[Tensor, "4 4"], K: Float[Tensor, "3 3"], size: tuple[int, int]
) -> tuple[Float[Tensor, "h w"], Float[Tensor, "h w"]]:
    """How deep the scene as it was lifted from lies, and how opaque it is."""
    image, alpha, _ = rasterization(
        means=scene.means,
        quats=scene.quats,
        scales=scene.scales,
        opacities=scene.opacities,
        colors=scene.base_colors,
        viewmats=viewmat[None],
        Ks=K[None],
        width=size[0],
        height=size[1],
        packed=False,
        render_mode="ED",
    )
    return image[0, ..., 0], alpha[0, ..., 0]


def _labels(batch: dict[str, Any], like: Float[Tensor, "h w"], is_valid: Tensor | None) -> Int16[Tensor, "h w"]:
    """The label of every pixel, as far as anybody says and it counts."""
    labels = batch.get("object_labels")
    if labels is None or labels.shape != like.shape:
        return torch.full_like(like, UNKNOWN, dtype=torch.int16)
    labels = labels.to(like.device)
    return labels if is_valid is None else labels.where(is_valid[..., 0], torch.full_like(labels, UNKNOWN))
