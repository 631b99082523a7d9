"""A function of space as a sum of hash grids, fitted coarse to fine by linear least squares."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from scorp_ns.errors import UnsupportedError

ENTRIES_PER_SQUARED_CELL = 8
"""Points of a grid that lie around a surface crossing its box, per square of one cell's side, and some to spare."""

CHUNK = 1 << 16
"""Points that pass through a grid at once when it is fitted, which bounds memory and sums of half precision."""


class HashPyramid(nn.Module):
    """The sum of nerfstudio hash grids over the unit cube, without a network behind them.

    Being linear in its entries, it is fitted by least squares in a second on one core, where gradient descent with a
    decoder takes ten for the same error. Each grid is an encoding of its own: so coarse grids have small tables, and
    fitting one costs nothing for the others.

    Grids of tiny-cuda-nn stay on the GPU, which alone can evaluate them; points may be anywhere.
    """

    def __init__(
        self,
        resolutions: tuple[int, ...],
        log2_table_size: int,
        num_channels: int,
        encoding: Literal["torch", "tcnn"],
    ) -> None:
        from nerfstudio.field_components.encodings import HashEncoding

        super().__init__()
        check_encoding(encoding)
        self.num_channels = num_channels
        self.is_bound_to_gpu = encoding == "tcnn"
        # tiny-cuda-nn stores 1, 2, 4 or 8 features an entry.
        num_features = 1 << (num_channels - 1).bit_length() if encoding == "tcnn" else num_channels
        with torch.random.fork_rng(devices=[]):
            self.grids = nn.ModuleList(
                HashEncoding(
                    num_levels=1,
                    min_res=resolution,
                    max_res=resolution,
                    log2_hashmap_size=min(log2_table_size, _log2_entries(resolution)),
                    features_per_level=num_features,
                    hash_init_scale=0.0,
                    implementation=encoding,
                )
                for resolution in resolutions
            )
        for parameter in self.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Float[Tensor, "n 3"]) -> Float[Tensor, "n c"]:
        """Values at points of the unit cube."""
        return torch.stack([self._evaluate(grid, x) for grid in self.grids]).sum(dim=0)

    def fit(self, x: Float[Tensor, "n 3"], target: Float[Tensor, "n c"], num_steps: int) -> Float[Tensor, "n c"]:
        """The residual of the target after each grid in turn, the coarsest first, was fitted to it."""
        entries = next(self.grids.parameters())
        x, remainder = x.to(entries.device), target.to(entries.device)
        for grid in self.grids:
            remainder = self._fit_grid(grid, x, remainder, num_steps)
        return remainder.to(target)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> HashPyramid:
        """Move or convert the grids, as far as that is possible."""
        return self if self.is_bound_to_gpu else super()._apply(fn, recurse)

    def _evaluate(self, grid: nn.Module, x: Float[Tensor, "n 3"]) -> Float[Tensor, "n c"]:
        """Values where and as the points are: tiny-cuda-nn computes on the GPU, in half precision."""
        (entries,) = grid.parameters()
        return grid(x.to(entries.device))[:, : self.num_channels].to(x)

    def _fit_grid(
        self, grid: nn.Module, x: Float[Tensor, "n 3"], target: Float[Tensor, "n c"], num_steps: int
    ) -> Float[Tensor, "n c"]:
        """Set one grid's entries by conjugate gradients, preconditioned by each entry's weight; the remainder.

        Few steps are wanted: entries that few samples touch then stay near zero.
        """
        (entries,) = grid.parameters()
        entries.data.zero_()
        weights = self._splat(grid, x, torch.ones_like(target)).clamp_min(torch.finfo(entries.dtype).eps)
        remainder, solution = target, torch.zeros_like(entries)
        gradient = self._splat(grid, x, remainder)
        direction, slope = gradient / weights, (gradient**2 / weights).sum()
        for _ in range(num_steps):
            entries.data.copy_(direction)
            change = torch.cat([self._evaluate(grid, part) for part in x.split(CHUNK)]).detach()
            length = slope / (change**2).sum().clamp_min(torch.finfo(slope.dtype).tiny)
            solution, remainder = solution + length * direction, remainder - length * change
            gradient = self._splat(grid, x, remainder)
            new_slope = (gradient**2 / weights).sum()
            direction = gradient / weights + new_slope / slope.clamp_min(torch.finfo(slope.dtype).tiny) * direction
            slope = new_slope
        entries.data.copy_(solution)
        return remainder

    def _splat(self, grid: nn.Module, x: Float[Tensor, "n 3"], values: Float[Tensor, "n c"]) -> Tensor:
        """The transpose of evaluation: values at points, summed into the entries they are interpolated from."""
        (entries,) = grid.parameters()
        total = torch.zeros_like(entries)
        for points, part in zip(x.split(CHUNK), values.split(CHUNK), strict=True):
            total += torch.autograd.grad(self._evaluate(grid, points), entries, part)[0]
        return total


def check_encoding(encoding: Literal["torch", "tcnn"]) -> None:
    """Returns if hash grids can be evaluated so on this machine; an UnsupportedError says what is missing."""
    from nerfstudio.utils import external

    lacking = [] if external.TCNN_EXISTS else ["tiny-cuda-nn is not installed"]
    lacking += [] if torch.cuda.is_available() else ["there is no GPU that CUDA can use"]
    if encoding == "tcnn" and lacking:
        raise UnsupportedError(
            f"Proxies are to have hash grids of tiny-cuda-nn (tcnn), but {' and '.join(lacking)}.",
            "These grids need both, also where a run that was trained with them is opened.",
            "Train with --pipeline.model.proxy.encoding torch, or open the run where it was trained.",
        )


def _log2_entries(resolution: int) -> int:
    """The table size that a surface needs which fills the box at this resolution."""
    return math.ceil(math.log2(ENTRIES_PER_SQUARED_CELL * resolution**2))
