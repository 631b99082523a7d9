"""From a lifted object and its placed proxy to the object put together of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from gsplat.utils import normalized_quat_to_rotmat
from jaxtyping import Float, Int64
from torch import Tensor

from scorp_ns.cameras import Camera
from scorp_ns.compose.config import ComposeConfig
from scorp_ns.compose.evidence import SurfaceEvidence, gather_evidence
from scorp_ns.compose.floaters import are_floaters
from scorp_ns.compose.photometric_pruning import error_growth
from scorp_ns.compose.reflections import without_foreign_depths
from scorp_ns.compose.selection import Blend, choose
from scorp_ns.errors import CompositionError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians, join_gaussians
from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.lift.object_windows import object_windows
from scorp_ns.lift.scene_depths import SceneDepths
from scorp_ns.products import ComposedObject, LiftedObject, ObjectCrop, Proxy

NEEDED = 0.1
"""Haze, and what stands out of a proxy, stays where photographs would be so much wronger without it per pixel.

It is a difference of colours, each from 0 to 1, summed over the three of them.
"""

FAINT = 0.1
"""The share of its opacity that what stands out of a proxy has while photographs are asked whether they need it."""


def compose(
    depths: SceneDepths,
    one: LiftedObject,
    proxy: Proxy,
    capture_to_world: Similarity,
    config: ComposeConfig,
    faint: Int64[Tensor, " f"],
) -> ComposedObject:
    """The object with what its proxy adds; a CompositionError says why it is left as it was lifted.

    The scene of `depths` is the one that the object was lifted from, without anything that was composed; `faint` are
    its Gaussians that belong to no object and that photographs hardly show.
    """
    pose = _pose(proxy)
    to_capture = capture_to_world.inverse()
    own = depths.gaussians[one.indices.to(depths.gaussians.means.device)]
    sights = object_windows(depths, one, own, capture_to_world)
    if not sights:
        raise _no_sights(one.name)
    cameras = [to_capture.camera_in_source(sight.camera) for sight in sights]
    sights = without_foreign_depths(own, sights, cameras)
    here = transform_gaussians(own.to("cpu"), to_capture)
    evidence = _evidence(proxy, to_capture @ pose, sights, config)
    blend = _blend(here, one, proxy, to_capture @ pose, evidence, config)
    surface = transform_gaussians(proxy.gaussians.to("cpu"), pose)
    kept, filled, floaters = blend.kept, torch.nonzero(blend.filled)[:, 0], faint[:0]
    if config.mode == "blend" and (len(filled) or bool(blend.outlying.any())):
        growth = _error_growth(depths.gaussians, one.indices, blend, surface[filled], sights, cameras)
        kept = kept | (blend.outlying & (growth[one.indices] < -NEEDED).cpu())
        hangs = are_floaters(depths.gaussians[faint], surface, one.support, config.haze)
        floaters = faint[hangs & (growth[faint] > -NEEDED)]
        filled = filled[growth[len(depths.gaussians) :].cpu() <= config.objection]
    if not len(filled) and not bool(kept.any()):
        raise _nothing_left(one.name)
    return ComposedObject(
        name=one.name,
        kept=kept,
        fill=surface[filled],
        seen=evidence.seen[filled] >= 1,
        floaters=floaters,
        evidence={
            "seen": float((evidence.seen >= 1).float().mean()),
            "denied": float((evidence.contradicted >= config.least_denials).float().mean()),
            "filled_share": len(filled) / len(surface),
        },
    )


def _evidence(proxy: Proxy, placed: Similarity, sights: Sequence[ObjectCrop], config: ComposeConfig) -> SurfaceEvidence:
    """The photographs' evidence for the proxy's surface, which is placed in the capture."""
    surface = proxy.gaussians.to("cpu")
    normals = (normals_of(surface).double() @ placed.rotation.T).float()
    return gather_evidence(placed.apply(surface.means), normals, sights, config.tolerance * placed.scale)


def _blend(
    own: Gaussians,
    one: LiftedObject,
    proxy: Proxy,
    placed: Similarity,
    evidence: SurfaceEvidence,
    config: ComposeConfig,
) -> Blend:
    """The choice between the object's own Gaussians and its proxy's, which is placed in the capture as these are."""

    @torch.no_grad()
    def signed_distance(points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        local = placed.inverse().apply(points).to(proxy.field.low)
        return proxy.field.sdf(local).cpu() * placed.scale

    surface = transform_gaussians(proxy.gaussians.to("cpu"), placed)
    return choose(own, one.visibility.cpu(), surface, evidence, signed_distance, placed.scale, config)


def _error_growth(
    scene: Gaussians,
    own: Int64[Tensor, " m"],
    blend: Blend,
    fill: Gaussians,
    sights: Sequence[ObjectCrop],
    cameras: Sequence[Camera],
) -> Float[Tensor, " n"]:
    """The growth of the photographs' error by each Gaussian of the scene, and then by the fill standing in it.

    Of the object's own ones that stand out of its proxy a trace is left, so that photographs may ask for more of them.
    """
    opacities = scene.opacities.clone()
    opacities[own] *= torch.where(blend.outlying, FAINT, blend.kept.float()).to(opacities)
    composite = join_gaussians([replace(scene, opacities=opacities), fill.to(scene.means)])
    return error_growth(composite, sights, cameras)


def normals_of(surface: Gaussians) -> Float[Tensor, "n 3"]:
    """The normals of flat Gaussians, which are their third axes."""
    return normalized_quat_to_rotmat(torch.nn.functional.normalize(surface.quats, dim=-1))[:, :, 2]


def _pose(proxy: Proxy) -> Similarity:
    if proxy.T_world_proxy is None:
        raise CompositionError(
            f"The proxy of '{proxy.name}' has no place.",
            "A proxy needs its place before it can fill in what was not photographed.",
            "Use a generator that tells the place, such as symmetry.",
        )
    return proxy.T_world_proxy


def _no_sights(name: str) -> CompositionError:
    return CompositionError(
        f"No photograph shows '{name}'.",
        "Photographs decide what of its proxy is needed.",
        "Check its masks, or leave the object as it is with --pipeline.model.compose.mode keep.",
    )


def _nothing_left(name: str) -> CompositionError:
    return CompositionError(
        f"Nothing would be left of '{name}': its proxy stands where the photographs see nothing of it.",
        "Proxy and photographs have to agree on some of the object.",
        "Generate another proxy with --regenerate, or leave the object as it is.",
    )
