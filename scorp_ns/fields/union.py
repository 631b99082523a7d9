"""Many placed proxy fields as one function of the world."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from scorp_ns.errors import OutputError
from scorp_ns.fields.proxy_field import ProxyField
from scorp_ns.gaussians.affine import Affine
from scorp_ns.gaussians.similarity import Similarity


class FieldUnion(nn.Module):
    """The union of what placed fields enclose: distances to the nearest surface, and its colour.

    Distances to what a placement stretches are those of its least stretched direction: exactly zero on the surface,
    with the right sign, and never too large.
    """

    def __init__(self, placed: Sequence[tuple[ProxyField, Similarity | Affine]]) -> None:
        """Each field comes with T_world_proxy."""
        super().__init__()
        self.fields = nn.ModuleList(field for field, _ in placed)
        self._placed = [(field, pose.inverse(), _least_scale(pose)) for field, pose in placed]

    def forward(self, x: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """The same as `sdf`."""
        return self.sdf(x)

    def sdf(self, x: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """Signed distances in the world's units, negative inside any of the proxies."""
        return self._nearest(x)[0]

    def color(self, x: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """Colours as pictures store them (sRGB), in [0, 1], of the proxy whose surface is nearest."""
        with torch.no_grad():
            nearest = self._nearest(x)[1]
        colors = torch.zeros_like(x)
        for index, (field, T_proxy_world, _) in enumerate(self._placed):
            chosen = (nearest == index).nonzero()[:, 0]
            if len(chosen):
                colors = colors.index_copy(0, chosen, field.color(T_proxy_world.apply(x[chosen])))
        return colors

    def forward_geonetwork(self, x: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 1"]:
        """Signed distances in the first and only column, where nerfstudio's exporter of surfaces looks for them."""
        return self.sdf(x.reshape(-1, 3)).reshape(*x.shape[:-1], 1)

    def _nearest(self, x: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, " n"], Int64[Tensor, " n"]]:
        """The least signed distance of each point, and whose it is.

        A field is not asked about points whose distance to its box is more than the least distance so far.
        """
        if not self._placed:
            raise OutputError(
                "No proxy is placed in the scene.",
                "Its signed distance is that of its placed proxies.",
                "Train with object masks and the generator 'symmetry', or use `ns-export tsdf` or `ns-export poisson`.",
            )
        distances = x.new_full((len(x),), torch.inf)
        nearest = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        for index, (field, T_proxy_world, scale) in enumerate(self._placed):
            points = T_proxy_world.apply(x)
            at_least = scale * field.box_distance(points).detach()
            asked = ((at_least == 0) | (at_least < distances)).nonzero()[:, 0]
            found = scale * field.sdf(points[asked])
            is_less = found < distances[asked]
            distances = distances.index_copy(0, asked[is_less], found[is_less])
            nearest[asked[is_less]] = index
        return distances, nearest


def _least_scale(placed: Similarity | Affine) -> float:
    """By how much lengths grow where they grow least."""
    return placed.scale if isinstance(placed, Similarity) else float(placed.factors.min())
