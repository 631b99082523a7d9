"""What colour a proxy has at any of its points, once it matches the photographs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from scorp_ns.fields.proxy_field import ProxyField

CHUNK = 1 << 18
"""Points a field is asked about at once, which bounds memory."""

ColorAt = Callable[[Float[Tensor, "n 3"]], Float[Tensor, "n 3"]]
"""Colours as pictures store them (sRGB), in [0, 1], at points of a proxy's own frame."""


def tuned_color(field: ProxyField) -> ColorAt:
    """The colours of the field as they were made to match; as they were generated where it was not tuned."""

    @torch.no_grad()
    def color_at(points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        parts = points.to(field.low).split(CHUNK)
        return torch.cat([field.color(part) for part in parts]).cpu()

    return color_at
