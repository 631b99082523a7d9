"""The scene with its photographs, their depths and their votes, which objects are described from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.lift.up_direction import up_direction
from scorp_ns.lift.votes import Votes
from scorp_ns.products import CapturedView, ObjectCrop
from scorp_ns.render import Render
from scorp_ns.render.surface_depth import render_depths

MOST_PIXELS = 2**26
"""Depths of so many pixels are kept, half a gigabyte; further views are rendered anew for every object."""


class SceneDepths:
    """A scene with its photographs. What a view sees of the scene is rendered once for all objects."""

    def __init__(
        self,
        gaussians: Gaussians,
        views: Sequence[CapturedView],
        rasterize_mode: Literal["classic", "antialiased"] = "classic",
    ) -> None:
        self.gaussians = gaussians
        self.views = views
        self.rasterize_mode: Literal["classic", "antialiased"] = rasterize_mode
        self._depths: dict[int, Render] = {}
        self.windows: dict[tuple[str, int, bytes], tuple[ObjectCrop, ...]] = {}
        """Per object, its windows of the photographs, once they were gathered."""

    @cached_property
    def up(self) -> Float[Tensor, " 3"]:
        """The up direction in the world frame."""
        return up_direction(torch.stack([view.viewmat for view in self.views]).cpu())

    def depths_alone(self, own: Gaussians, index: int) -> Render:
        """The depths of some Gaussians in a view, with nothing else in the scene."""
        return render_depths(own, self.views[index].camera, self.rasterize_mode)

    def depths(self, index: int) -> Render:
        """The depths of the whole scene in a view."""
        if index in self._depths:
            return self._depths[index]
        depths = self.depths_alone(self.gaussians, index)
        if sum(kept.depth.numel() for kept in self._depths.values()) + depths.depth.numel() <= MOST_PIXELS:
            self._depths[index] = depths
        return depths


class Evidence(SceneDepths):
    """A scene with its photographs and their votes."""

    def __init__(
        self,
        gaussians: Gaussians,
        views: Sequence[CapturedView],
        votes: Votes,
        rasterize_mode: Literal["classic", "antialiased"] = "classic",
    ) -> None:
        super().__init__(gaussians, views, rasterize_mode)
        self.votes = votes
