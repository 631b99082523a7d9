"""Proxies whose poses learn: the pictures that training renders of them meanwhile, the losses, and what is visible."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float, Int16
from torch import Tensor

from scorp_ns.cameras import Camera
from scorp_ns.fields.surface_gaussians import mesh_of
from scorp_ns.gaussians.splats import Gaussians, parameters_from_gaussians
from scorp_ns.pose.proxy_shape import CELLS
from scorp_ns.pose.refinement import MovingProxy, ProxyRender, refinement_losses, render_proxies
from scorp_ns.pose.silhouettes import MaskedView, silhouette
from scorp_ns.products import UNKNOWN
from scorp_ns.render.surface_depth import render_depths
from scorp_ns.scene.objects import SceneObjects
from scorp_ns.scene.pose_refinement import PoseRefinement
from scorp_ns.scene.proxies import SceneProxies
from scorp_ns.surfaces.queries import SurfaceQueries


class MovingProxies:
    """The proxies whose poses learn, in a scene that stays as it is meanwhile."""

    def __init__(
        self,
        objects: SceneObjects,
        proxies: SceneProxies,
        refinement: PoseRefinement,
        scene_before: Callable[[], Gaussians],
    ) -> None:
        self._objects, self._store, self._refinement, self._scene_before = objects, proxies, refinement, scene_before
        self._gathered_for: tuple[str, ...] = ()
        self._proxies: list[MovingProxy] = []
        self._surfaces: list[SurfaceQueries] = []
        self._scene: Gaussians | None = None
        self._is_rest: Tensor | None = None

    def _gather(self) -> tuple[Gaussians, Tensor, list[MovingProxy]]:
        """The scene, the mask of it without the moving objects, and these; looked up once for each set of them."""
        names = self._refinement.names
        if self._scene is None or self._is_rest is None or names != self._gathered_for:
            self._scene = self._scene_before()
            self._is_rest = torch.ones(len(self._scene), dtype=torch.bool, device=self._scene.means.device)
            self._proxies, self._surfaces = [], []
            for name in names:
                self._is_rest[self._objects.indices(name)] = False
                proxy, label = self._store.proxy(name), self._objects.record(name).label
                self._proxies.append(MovingProxy.at(label, proxy.gaussians, self._refinement.start(name)))
                self._surfaces.append(SurfaceQueries(mesh_of(proxy.field, 1 / CELLS)))
            self._gathered_for = names
        return self._scene, self._is_rest, self._proxies

    def forget(self) -> None:
        """Look everything up anew next time."""
        self._gathered_for, self._scene, self._is_rest, self._proxies, self._surfaces = (), None, None, [], []

    def outputs(self, camera: Camera, background: Float[Tensor, " 3"]) -> dict[str, Tensor]:
        """The picture that training renders of a view, with all that the losses need."""
        scene, is_rest, proxies = self._gather()
        changes = self._refinement.usable_changes
        moved = [one.moved(change) for one, change in zip(proxies, changes, strict=True)]
        render = render_proxies(scene[is_rest], moved, camera, background)
        depths = render_depths(scene, camera)
        return {
            "rgb": render.rgb,
            "accumulation": render.alpha,
            "background": background,
            "place_depth": render.depth,
            "place_weights": render.weights,
            "scene_depth": depths.depth,
            # Thin floaters hide nothing, though they have a depth.
            "hiding_depth": depths.depth.where(depths.is_solid, torch.zeros_like(depths.depth)),
            "viewmat": camera.viewmat,
            "K": camera.K,
        }

    def losses(
        self, outputs: dict[str, Tensor], labels: Int16[Tensor, "h w"] | None, target: Tensor, is_valid: Tensor | None
    ) -> dict[str, Tensor]:
        """The losses of these pictures beside a photograph and its labels."""
        _, _, proxies = self._gather()
        names = ("rgb", "accumulation", "place_depth", "place_weights")
        render = ProxyRender(*(outputs[name] for name in names))
        known = _known_labels(labels, render.depth, is_valid)
        camera = Camera(outputs["viewmat"], outputs["K"], *render.depth.shape[::-1])
        silhouettes, changes = [], self._refinement.usable_changes
        for index, (proxy, surface) in enumerate(zip(proxies, self._surfaces, strict=True)):
            view = MaskedView(camera, known == proxy.label, outputs["hiding_depth"])
            silhouettes.append(silhouette(surface, proxy.place(changes[index]), view, render.weights[..., index]))
        covered = torch.stack(silhouettes, dim=-1)
        return refinement_losses(render, proxies, covered, known, target, outputs["scene_depth"])

    @torch.no_grad()
    def shown(
        self, scene: Mapping[str, Tensor], sh_degree: int
    ) -> tuple[dict[str, Tensor], Int16[Tensor, " n"], Float[Tensor, " n"]]:
        """Splatfacto's parameters of what is visible meanwhile: the proxies where they are now, and the rest.

        With the label and the visibility of each Gaussian; that of proxies is not known yet.
        """
        _, is_rest, proxies = self._gather()
        parameters = {name: value[is_rest] for name, value in scene.items()}
        labels, visibility = self._objects.labels[is_rest], self._objects.visibility[is_rest]
        for one, change in zip(proxies, self._refinement.usable_changes, strict=True):
            rows = parameters_from_gaussians(one.moved(change), sh_degree)
            parameters = {name: torch.cat([value, rows[name].to(value)]) for name, value in parameters.items()}
            number = len(one.gaussians)
            labels = torch.cat([labels, labels.new_full((number,), one.label)])
            visibility = torch.cat([visibility, visibility.new_zeros(number)])
        return parameters, labels, visibility


def _known_labels(
    labels: Int16[Tensor, "_ _"] | None, like: Float[Tensor, "h w"], is_valid: Tensor | None
) -> Int16[Tensor, "h w"]:
    """The label of every pixel that is known and counts; UNKNOWN at another resolution than the picture's."""
    unknown = torch.full_like(like, UNKNOWN, dtype=torch.int16)
    if labels is None or labels.shape != like.shape:
        return unknown
    labels = labels.to(like.device)
    return labels if is_valid is None else labels.where(is_valid[..., 0], unknown)
