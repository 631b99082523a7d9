"""One map for all colours of an object: a generator's exposure and white balance are not the photographs'."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from scorp_ns.fields.proxy_field import ProxyField

STEPS = 5
"""Rounds of giving less weight to what does not fit, such as highlights and pixels of something else."""

TOLERANCE = 0.1
"""Colours that are further off than this count the less the further they are."""

STIFFNESS = (0.005, 0.005, 0.005, 0.0005)
"""Weight of staying the identity, per point: of the three colours that are mixed, and of the offset."""

CHUNK = 1 << 18
"""Points a field is asked about at once, which bounds memory."""

ColorAt = Callable[[Float[Tensor, "n 3"]], Float[Tensor, "n 3"]]
"""Colours as pictures store them (sRGB), in [0, 1], at points of a proxy's own frame."""


@dataclass(frozen=True)
class ColorMap:
    """color -> matrix @ color + offset."""

    matrix: Float[Tensor, "3 3"]
    offset: Float[Tensor, " 3"]

    @classmethod
    def identity(cls) -> ColorMap:
        """The map that changes nothing."""
        return cls(torch.eye(3), torch.zeros(3))

    def apply(self, colors: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """The mapped colours, inside the gamut."""
        return (colors @ self.matrix.to(colors).T + self.offset.to(colors)).clamp(0, 1)


def fit_color_map(base: Float[Tensor, "n 3"], observed: Float[Tensor, "n 3"], weights: Float[Tensor, " n"]) -> ColorMap:
    """The map that takes base colours to those observed at the same points, robustly; the identity without any."""
    base, observed, trust = base.double(), observed.double(), weights.double()
    if float(trust.sum()) == 0:
        return ColorMap.identity()
    sources = torch.cat([base, torch.ones_like(base[:, :1])], dim=1)
    identity = torch.eye(4, 3, dtype=torch.float64, device=base.device)
    stiffness = torch.diag(sources.new_tensor(STIFFNESS))
    solution = identity
    for _ in range(STEPS):
        weighted = sources * trust[:, None]
        prior = trust.sum() * stiffness
        solution = torch.linalg.solve(sources.T @ weighted + prior, weighted.T @ observed + prior @ identity)
        errors = (sources @ solution - observed).norm(dim=1)
        trust = weights.double() * (TOLERANCE / errors.clamp_min(TOLERANCE))
    return ColorMap(solution[:3].T.float(), solution[3].float())


def tuned_color(field: ProxyField) -> ColorAt:
    """The colours of the field as they were made to match; as they were generated where it was not tuned."""

    @torch.no_grad()
    def color_at(points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        parts = points.to(field.low).split(CHUNK)
        return torch.cat([field.color(part) for part in parts]).cpu()

    return color_at
