"""The render seam: one call with gsplat's signature, on a GPU by gsplat and elsewhere by our own kernels.

`render` draws a set of Gaussians by it.
"""

from scorp_ns.render.gaussians import Render, render
from scorp_ns.render.rasterization import rasterization

__all__ = ["Render", "rasterization", "render"]
