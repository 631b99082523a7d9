"""The objects in the viewer's scene: their Gaussians as points in the object's colour, and their names."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
from nerfstudio.viewer.viewer import VISER_NERFSTUDIO_SCALE_RATIO
from torch import Tensor
from viser import LabelHandle, PointCloudHandle, SceneApi

from scorp_ns.products import LiftedObject

MOST_POINTS = 4000
"""So many points show where an object is."""

POINT_SIZE = 0.01
"""Width of a point, as a share of the object's diagonal."""

GOLDEN = 0.618
"""The step between the hues of objects, which keeps neighbours apart however many there are."""


class ObjectMarkers:
    """The markers of objects; they can be switched off."""

    def __init__(self, scene: SceneApi) -> None:
        self._scene = scene
        self._handles: list[PointCloudHandle | LabelHandle] = []

    def show(self, objects: Sequence[LiftedObject], means: Tensor, is_visible: bool) -> None:
        """Mark these objects and no others."""
        for handle in self._handles:
            handle.remove()
        self._handles = [handle for one in objects for handle in self._mark(one, means)]
        self.set_visible(is_visible)

    def set_visible(self, is_visible: bool) -> None:
        """Show or hide all markers."""
        for handle in self._handles:
            handle.visible = is_visible

    def _mark(self, one: LiftedObject, means: Tensor) -> tuple[PointCloudHandle, LabelHandle]:
        points = means[one.indices.to(means.device)].cpu().numpy()
        points = points[:: 1 + len(points) // MOST_POINTS] * VISER_NERFSTUDIO_SCALE_RATIO
        frame = one.frame
        top = frame.center + frame.rotation[:, 2] * frame.extent[2] / 2
        cloud = self._scene.add_point_cloud(
            f"/objects/{one.label}/points",
            points=points,
            colors=color_of(one.label),
            point_size=POINT_SIZE * frame.diagonal * VISER_NERFSTUDIO_SCALE_RATIO,
            point_shape="circle",
        )
        position = np.asarray(top.cpu()) * VISER_NERFSTUDIO_SCALE_RATIO
        return cloud, self._scene.add_label(f"/objects/{one.label}/name", one.name, position=position)


def color_of(label: int) -> tuple[float, float, float]:
    """The colour that stands for a label."""
    return colorsys.hsv_to_rgb(GOLDEN * label % 1, 0.85, 1.0)
