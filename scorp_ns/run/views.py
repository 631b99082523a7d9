"""The evidence of objects, gathered once: photographs and depths of the scene, kept until the scene changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.lift.scene_depths import SceneDepths
from scorp_ns.products import CapturedView


class ObjectViews:
    """The scene that objects are lifted from, seen from its photographs, shared by all stages of a moment.

    Depths and the windows of each object are computed at their first use; `forget` is called whenever Gaussians,
    labels or cameras may have changed.
    """

    def __init__(
        self,
        read_views: Callable[[], Sequence[CapturedView]],
        read_scene: Callable[[], Gaussians],
        rasterize_mode: Literal["classic", "antialiased"],
    ) -> None:
        self._read_views, self._read_scene = read_views, read_scene
        self._mode: Literal["classic", "antialiased"] = rasterize_mode
        self._views: Sequence[CapturedView] | None = None
        self._depths: SceneDepths | None = None

    @property
    def captured(self) -> Sequence[CapturedView]:
        """The training images with the poses that training arrived at."""
        views = self._views  # Training may forget them while a thread of the viewer reads.
        if views is None:
            views = self._views = self._read_views()
        return views

    @property
    def depths(self) -> SceneDepths:
        """The scene before composing, and its depths from all photographs."""
        depths = self._depths
        if depths is None:
            depths = self._depths = SceneDepths(self._read_scene(), self.captured, self._mode)
        return depths

    def forget_scene(self) -> None:
        """Look at the scene anew next time: its Gaussians changed."""
        self._depths = None

    def forget(self) -> None:
        """Look at everything anew next time: the scene trains."""
        self._views = self._depths = None
