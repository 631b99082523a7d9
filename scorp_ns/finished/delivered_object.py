"""An object of a finished run, ready to be exported in the capture's frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from scorp_ns.appearance.color_map import tuned_color
from scorp_ns.errors import GenerationError, OutputError
from scorp_ns.export.baking import bake
from scorp_ns.export.closed_meshes import closed_mesh
from scorp_ns.finished.choices import ExportChoices
from scorp_ns.finished.finished_run import FinishedRun
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.messages import unknown_objects
from scorp_ns.model import ScorpModel
from scorp_ns.products import LiftedObject, Proxy
from scorp_ns.scene.records import Placed, Refused, Unplaced
from scorp_ns.surfaces.textured_mesh import TexturedMesh


@dataclass(frozen=True)
class DeliveredObject:
    """An object, ready to be written."""

    name: str
    gaussians: Gaussians
    """The composed object."""
    mesh: TexturedMesh | None
    """The whole surface of its proxy, in the colours that match the photographs."""
    no_mesh: str | None
    """The reason, if there is no mesh."""
    proxy: Proxy | None
    T_capture_object: Similarity
    """The rigid motion from the object's own frame: origin at its box's centre, z up, in the capture's units."""
    size: Float[Tensor, " 3"]
    """Sides of that box, in the capture's units."""
    stands_on: tuple[Float64[Tensor, " 3"], Float64[Tensor, " 3"]] | None
    """A point and the upward normal of the plane it stands on."""


def check_names(model: ScorpModel, names: tuple[str, ...], option: str) -> tuple[str, ...]:
    """The names without duplicates, all objects' by default; an OutputError lists the known ones for unknown ones."""
    known, failures = model.scene_objects.names, model.scene_objects.failures
    for name in names:
        if name in failures and name not in known:
            raise OutputError(
                f"The object '{name}' was not lifted: {failures[name]}",
                "Only lifted objects can be had alone or taken out.",
                "Mend what that says and train again, or leave the object out.",
            )
    if wrong := [name for name in names if name not in known]:
        without = "Train with object masks, or pick objects in the viewer."
        raise OutputError(*unknown_objects(option, wrong, known, "run", without))
    return tuple(dict.fromkeys(names)) or known


def delivered_object(run: FinishedRun, name: str, choices: ExportChoices) -> DeliveredObject:
    """The object with this name, with a mesh if a format asks for one and the object can have one."""
    model, to_capture = run.model, run.capture_to_world.inverse()
    (one,) = (one for one in model.scene_objects.objects() if one.name == name)
    shown = model.scene_composite.shown(one)
    proxy, no_mesh = _placed_proxy(model, name)
    mesh = None
    if proxy is not None and choices.needs_meshes:
        try:
            mesh = _mesh(run, proxy, choices)
        except GenerationError as error:
            no_mesh = str(error)
    T_capture_object, size = _box(one, to_capture, mesh)
    support = one.support
    return DeliveredObject(
        name=name,
        gaussians=transform_gaussians(model.scene[shown.indices].cpu(), to_capture),
        mesh=mesh,
        no_mesh=no_mesh,
        proxy=proxy,
        T_capture_object=T_capture_object,
        size=size,
        stands_on=None
        if support is None
        else (to_capture.apply(support.point.double().cpu()), to_capture.rotation @ support.up.double().cpu()),
    )


def up_in_capture(run: FinishedRun, objects: Sequence[DeliveredObject]) -> Float64[Tensor, " 3"]:
    """The up direction in the capture's frame: the normal of a support plane, else training's z."""
    planes = [one.stands_on for one in objects if one.stands_on is not None]
    return planes[0][1] if planes else run.capture_to_world.rotation[2]


def _placed_proxy(model: ScorpModel, name: str) -> tuple[Proxy | None, str | None]:
    """The object's proxy, or None with the reason why its surface cannot be exported."""
    store = model.scene_proxies
    if name not in store.names:
        return None, store.failures.get(name, "No proxy was generated for it.")
    if name in store.rejected:
        return None, "Its proxy was rejected in the viewer."
    match store.record(name).placement:
        case Placed():
            return store.proxy(name), None
        case Refused(reason=reason):
            return None, reason
        case Unplaced():
            return None, "Its proxy has not been placed yet."


def _mesh(run: FinishedRun, proxy: Proxy, choices: ExportChoices) -> TexturedMesh:
    """The proxy's surface where it stands in the capture."""
    pose = proxy.T_world_proxy
    assert pose is not None
    surface = closed_mesh(proxy.field, choices.target_faces)
    textured = bake(proxy.name, surface, proxy.field, tuned_color(proxy.field), choices.texture_size)
    return textured.moved(run.capture_to_world.inverse() @ pose)


def _box(
    one: LiftedObject, to_capture: Similarity, mesh: TexturedMesh | None
) -> tuple[Similarity, Float[Tensor, " 3"]]:
    """The object's own frame, and the sides of the box around its mesh or, without one, its lifted Gaussians."""
    rotation = to_capture.rotation @ one.frame.rotation.double().cpu()
    if mesh is None:
        center = to_capture.apply(one.frame.center.double().cpu())
        return Similarity(_orthogonal(rotation), center, 1.0), one.frame.extent.cpu() * to_capture.scale
    turned = torch.from_numpy(mesh.surface.vertices).double() @ rotation
    low, high = turned.amin(dim=0), turned.amax(dim=0)
    return Similarity(_orthogonal(rotation), rotation @ ((low + high) / 2), 1.0), (high - low).float()


def _orthogonal(rotation: Float64[Tensor, "3 3"]) -> Float64[Tensor, "3 3"]:
    """The nearest rotation (by SVD) to one that was kept in single precision."""
    U, _, Vh = torch.linalg.svd(rotation)
    return U @ Vh
