"""The render seam: one call with gsplat's signature, on a GPU by gsplat and elsewhere by our own kernels."""

from scorp_ns.render.rasterization import rasterization

__all__ = ["rasterization"]
