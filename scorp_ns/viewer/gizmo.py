"""A gizmo in the viewer's scene that moves and turns the points of a proxy."""

from __future__ import annotations

from collections.abc import Callable

import torch
from nerfstudio.viewer.viewer import VISER_NERFSTUDIO_SCALE_RATIO
from viser import PointCloudHandle, SceneApi, TransformControlsHandle

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.viewer.place_edits import (
    mirror_of,
    proper_rotation,
    rotation_from_wxyz,
    turned_to,
    wxyz_from_rotation,
)

NODE = "/scorp/gizmo"

MOST_POINTS = 6000
"""So many points show where a proxy is."""

POINT_SIZE = 0.008
"""Width of a point, as a share of the proxy's diagonal."""

SIZE = 0.6
"""Size of the gizmo, as a share of the proxy's diagonal."""


class Gizmo:
    """One gizmo at most, and the proxy's points that go with it."""

    def __init__(self, scene: SceneApi, on_move: Callable[[Similarity], None]) -> None:
        self._scene, self._on_move = scene, on_move
        self._handle: TransformControlsHandle | None = None
        self._points: PointCloudHandle | None = None

    def show(self, gaussians: Gaussians, pose: Similarity) -> None:
        """Show the gizmo at a pose, with the points of a proxy."""
        self.hide()
        step = 1 + len(gaussians) // MOST_POINTS
        self._means, self._colors = gaussians.means[::step].cpu(), gaussians.base_colors[::step].cpu()
        self._pose = pose
        size = pose.scale * VISER_NERFSTUDIO_SCALE_RATIO
        self._handle = self._scene.add_transform_controls(NODE, scale=SIZE * size, depth_test=False)
        self._handle.on_update(lambda _: self._moved())
        self.move(pose)

    def hide(self) -> None:
        """Take the gizmo away."""
        for handle in (self._points, self._handle):
            if handle is not None:
                handle.remove()
        self._handle = self._points = None

    def move(self, pose: Similarity) -> None:
        """Put the gizmo at a pose."""
        if self._handle is None:
            return
        self._pose = pose
        self._handle.wxyz = wxyz_from_rotation(proper_rotation(pose))
        self._handle.position = pose.translation.numpy() * VISER_NERFSTUDIO_SCALE_RATIO
        # The viewer's nodes have neither size nor mirrors, so their points have both.
        points = self._means.double() @ mirror_of(pose) * (pose.scale * VISER_NERFSTUDIO_SCALE_RATIO)
        self._points = self._scene.add_point_cloud(
            f"{NODE}/proxy",
            points=points.float().numpy(),
            colors=self._colors.numpy(),
            point_size=POINT_SIZE * pose.scale * VISER_NERFSTUDIO_SCALE_RATIO,
            point_shape="circle",
        )

    def _moved(self) -> None:
        """Tell where the gizmo was dragged to."""
        handle = self._handle
        if handle is not None:
            position = torch.tensor(handle.position, dtype=torch.float64) / VISER_NERFSTUDIO_SCALE_RATIO
            self._pose = turned_to(self._pose, rotation_from_wxyz(tuple(handle.wxyz)), position)
            self._on_move(self._pose)
