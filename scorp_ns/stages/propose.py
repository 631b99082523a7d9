"""From a lifted object to the request that a generator of proxies answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.lift.evidence import SceneDepths
from scorp_ns.lift.sights import camera_in_capture, gather_sights
from scorp_ns.products import LiftedObject, ObjectFrame, ObjectInfo, ObjectView, ProxyRequest, Support


def request_proxy(
    depths: SceneDepths,
    one: LiftedObject,
    info: ObjectInfo,
    views: Sequence[ObjectView],
    capture_to_world: Similarity,
    seed: int,
) -> ProxyRequest:
    """What a generator is told of a lifted object: everything in the capture's frame."""
    own = depths.gaussians[one.indices.to(depths.gaussians.means.device)]
    to_capture = capture_to_world.inverse()
    sights, frames = gather_sights(depths, one, own, capture_to_world, [view.name for view in views])
    shown = {frame.name for frame in frames}
    gaussians = transform_gaussians(own, to_capture)
    return ProxyRequest(
        name=one.name,
        prompt=info.prompt or info.name.replace("_", " "),
        seed=seed,
        views=tuple(_in_capture(view, capture_to_world) for view in views if view.name in shown),
        frames=frames,
        sights=sights,
        gaussians=gaussians,
        visibility=one.visibility.cpu(),
        frame=_frame_in_capture(one.frame, to_capture),
        support=None if one.support is None else _support_in_capture(one.support, to_capture),
        up=(to_capture.rotation @ depths.up.double().cpu()).float(),
    )


def _in_capture(view: ObjectView, capture_to_world: Similarity) -> ObjectView:
    return replace(view, viewmat=camera_in_capture(view.viewmat, capture_to_world))


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
