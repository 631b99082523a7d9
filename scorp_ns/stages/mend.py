"""From a placed proxy to one in the object's own proportions, where photographs speak for them."""

from __future__ import annotations

from dataclasses import replace

import torch

from scorp_ns.fields.distillation import distill
from scorp_ns.fields.surface_gaussians import mesh_of, surface_gaussians
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.generate.generator import Work
from scorp_ns.pose.config import ShapeConfig
from scorp_ns.pose.shape_step import MendedShape, mend_shape
from scorp_ns.products import Proxy, ProxyRequest

COARSE_CELLS, FINE_CELLS = 96, 192
"""A proxy's diagonal is so many cells of the grids on which the mesh that is fitted, and the one that is kept, lie."""


def mend(
    proxy: Proxy, request: ProxyRequest, capture_to_world: Similarity, config: ShapeConfig, seed: int, work: Work
) -> Proxy | None:
    """The proxy with its shape mended, at its place; None where it is best left as it is.

    Field and Gaussians are made anew, so that whoever uses the proxy meets one shape and a similarity. The frame stays
    the one that the generator's reply was put into, as near as a deformed thing can have the frame it had before.
    """
    assert proxy.T_world_proxy is not None
    T_capture_proxy = capture_to_world.inverse() @ proxy.T_world_proxy

    def report(share: float, text: str) -> None:
        work.check(proxy.name)
        work.report(share, text)

    coarse = mesh_of(proxy.field, 1 / COARSE_CELLS)
    mended = mend_shape(request, coarse, T_capture_proxy, config, seed, report)
    if mended is None:
        return None
    report(0.8, "making the proxy anew")
    mesh = mesh_of(proxy.field, 1 / FINE_CELLS)
    vertices = mended.apply(mesh.vertices.astype("float64")).astype("float32")
    with torch.random.fork_rng(devices=[]):
        field = distill(replace(mesh, vertices=vertices), proxy.field.config, seed=request.seed)
        gaussians = surface_gaussians(field, field.config, seed=request.seed)
    report(1.0, "done")
    return replace(
        proxy,
        field=field,
        gaussians=gaussians,
        T_world_proxy=capture_to_world @ mended.T_capture_proxy,
        evidence={**proxy.evidence, **facts_of(mended)},
        notes=(*proxy.notes, _in_words(mended)),
    )


def facts_of(mended: MendedShape) -> dict[str, float]:
    """By how much a shape was deformed, and how photographs disagreed with it before and after, for reports."""
    factors = {f"stretch_{number + 1}": float(factor) for number, factor in enumerate(mended.factors)}
    costs = {"shape_cost_before": mended.cost_before, "shape_cost_after": mended.cost_after}
    return {**factors, "largest_bend": mended.largest_bend, **costs}


def _in_words(mended: MendedShape) -> str:
    factors = ", ".join(f"{factor:.3f}" for factor in mended.factors)
    return (
        f"It was stretched by {factors} along three directions and bent by up to {mended.largest_bend:.1%} of its size "
        "to agree with the photographs."
    )
