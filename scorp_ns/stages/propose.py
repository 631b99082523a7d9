"""From a lifted object to its proxy: what a generator is told, and what its reply is made into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any

import torch

from scorp_ns.errors import CancelledError, GenerationError, ScorpError
from scorp_ns.fields.config import FieldConfig
from scorp_ns.fields.distillation import distill
from scorp_ns.fields.surface_gaussians import surface_gaussians
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.generate.cache import forget_reply, generate_cached
from scorp_ns.generate.canonical.canonicalising import canonicalise
from scorp_ns.generate.contract import check_asset
from scorp_ns.generate.generator import Generator, Work
from scorp_ns.lift.object_windows import object_views, object_windows
from scorp_ns.lift.scene_depths import SceneDepths
from scorp_ns.products import (
    LiftedObject,
    ObjectFrame,
    ObjectInfo,
    ObjectView,
    Proxy,
    ProxyAsset,
    ProxyRequest,
    Support,
)


def request_proxy(
    depths: SceneDepths,
    one: LiftedObject,
    info: ObjectInfo,
    views: Sequence[ObjectView],
    capture_to_world: Similarity,
    seed: int,
) -> ProxyRequest:
    """The request that tells a generator of a lifted object: everything in the capture's frame."""
    own = depths.gaussians[one.indices.to(depths.gaussians.means.device)]
    to_capture = capture_to_world.inverse()
    if views:
        windows, frames = object_views(depths, one, own, capture_to_world, [view.name for view in views])
    else:
        windows, frames = object_windows(depths, one, own, capture_to_world), ()
    shown = {frame.name for frame in frames}
    gaussians = transform_gaussians(own, to_capture)
    return ProxyRequest(
        name=one.name,
        prompt=info.prompt or info.name.replace("_", " "),
        seed=seed,
        views=tuple(_in_capture(view, capture_to_world) for view in views if view.name in shown),
        frames=frames,
        windows=windows,
        gaussians=gaussians,
        visibility=one.visibility.cpu(),
        frame=_frame_in_capture(one.frame, to_capture),
        support=None if one.support is None else _support_in_capture(one.support, to_capture),
        up=(to_capture.rotation @ depths.up.double().cpu()).float(),
    )


def _in_capture(view: ObjectView, capture_to_world: Similarity) -> ObjectView:
    return replace(view, viewmat=capture_to_world.camera_in_source(view.camera).viewmat)


def _frame_in_capture(frame: ObjectFrame, to_capture: Similarity) -> ObjectFrame:
    rotation = to_capture.rotation @ frame.rotation.double().cpu()
    if to_capture.is_mirrored:
        rotation[:, 0] *= -1
    return ObjectFrame(
        rotation=rotation.float(),
        center=to_capture.apply(frame.center.cpu()),
        extent=frame.extent.cpu() * to_capture.scale,
    )


def _support_in_capture(support: Support, to_capture: Similarity) -> Support:
    up = (to_capture.rotation @ support.up.double().cpu()).float()
    return Support(to_capture.apply(support.point.cpu()), torch.nn.functional.normalize(up, dim=0))


def propose(
    request: ProxyRequest,
    generator: Generator,
    capture_to_world: Similarity,
    config: FieldConfig,
    cache: Path,
    regenerate: bool,
    work: Work,
) -> Proxy:
    """The proxy that a generator makes of an object; a ScorpError says why there is none.

    Stored replies of an earlier run are used again, unless it shall be generated anew. Those that no proxy can be made
    of are not kept.
    """
    try:
        asset = generate_cached(generator, request, work, cache, regenerate)
        check_asset(asset)
        return _proxy_of(asset, request, capture_to_world, config, work)
    except CancelledError:
        raise
    except ScorpError:
        forget_reply(generator, request, cache)
        raise
    except (Exception, SystemExit) as error:  # A foreign generator may fail in any way, and costs its object only.
        forget_reply(generator, request, cache)
        raise GenerationError(
            f"The generator of '{request.name}' failed ({type(error).__name__}: {error}).",
            "A complete object was expected of it.",
            "Mend the generator, or choose another with --pipeline.model.generator.name.",
        ) from error


def _proxy_of(
    asset: ProxyAsset, request: ProxyRequest, capture_to_world: Similarity, config: FieldConfig, work: Work
) -> Proxy:
    """The proxy made of a generator's reply."""
    work.check(request.name)
    shape = canonicalise(asset, request.name)
    work.check(request.name)
    with torch.random.fork_rng(devices=[]):
        field = distill(shape.mesh, config, work.report, seed=request.seed)
        work.check(request.name)
        gaussians = surface_gaussians(field, config, seed=request.seed)
    told = None if asset.T_capture_asset is None else capture_to_world @ asset.T_capture_asset @ shape.T_asset_proxy
    return Proxy(
        name=request.name,
        field=field,
        gaussians=gaussians,
        T_world_proxy=told if asset.is_in_place else None,
        T_asset_proxy=shape.T_asset_proxy,
        T_world_start=told,
        made_by=asset.made_by,
        evidence={str(fact): _plain(value) for fact, value in asset.evidence.items()},
        notes=shape.notes,
        license=asset.license,
    )


def _plain(value: Any) -> float | str:
    """A foreign package's value as checkpoints and JSON can hold it."""
    return float(value) if isinstance(value, Real) else str(value)
