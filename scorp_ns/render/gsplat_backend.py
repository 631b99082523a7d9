"""Rendering on a GPU: gsplat's own rasterizer. The only file that imports it."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def rasterize(**arguments: Any) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """What `gsplat.rasterization` answers to the same arguments."""
    from gsplat import rasterization

    return rasterization(**arguments)
