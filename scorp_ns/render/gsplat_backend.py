"""Rendering on a GPU: gsplat's own rasterizer. The only file that imports it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

KERNEL_CHANNELS = (1, 2, 3, 4, 5, 8, 9, 16, 17, 32, 33, 64, 65, 128, 129, 256, 257, 512, 513)
"""The numbers of channels gsplat 1.4.0 compiles kernels for; others it refuses."""


def rasterize(**arguments: Any) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """The results of `gsplat.rasterization`, for any number of channels."""
    from gsplat import rasterization

    mode, colors = arguments["render_mode"], arguments["colors"]
    missing = 0
    if arguments["sh_degree"] is None and mode.startswith("RGB"):
        missing = missing_channels(colors.shape[-1] + (mode != "RGB"), arguments["channel_chunk"])
    if missing == 0:
        return rasterization(**arguments)
    arguments["colors"] = torch.nn.functional.pad(colors, (0, missing))
    if arguments["backgrounds"] is not None:
        arguments["backgrounds"] = torch.nn.functional.pad(arguments["backgrounds"], (0, missing))
    image, alpha, info = rasterization(**arguments)
    # Depth, if asked for, comes after the padding.
    kept = image[..., : colors.shape[-1]]
    return kept if mode == "RGB" else torch.cat([kept, image[..., -1:]], dim=-1), alpha, info


def missing_channels(channels: int, chunk: int) -> int:
    """Channels to add so that gsplat has a kernel for those left after whole chunks."""
    last = channels if channels <= chunk else channels % chunk or chunk
    return next((count for count in KERNEL_CHANNELS if count >= last), last) - last
