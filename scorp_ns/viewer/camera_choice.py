"""The part of the panel about photographs: which of them see an object, and which show it best."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float64
from nerfstudio.viewer.viewer import VISER_NERFSTUDIO_SCALE_RATIO
from torch import Tensor
from viser import ClientHandle, GuiDropdownHandle, SceneNodeHandle

from scorp_ns.cameras import viewmats_from_camera_to_worlds
from scorp_ns.run.object_editing import find_views
from scorp_ns.viewer.object_markers import color_of
from scorp_ns.viewer.place_edits import wxyz_from_rotation
from scorp_ns.viewer.session import Session

NO_VIEWS = "(none)"

BLIND = (90, 90, 90)
"""The colour of cameras that do not see the object."""

ARC_SIZE = 0.06
"""The size of a camera in the scene, as a share of its distance from the object."""

HALF_TURN = torch.diag(torch.tensor([-1.0, -1.0, 1.0], dtype=torch.float64))
"""About the upright axis of the frame of training."""

SEES = 0.02
"""A photograph sees an object from this share of its seen surface on."""


class CameraChoice:
    """The arc of cameras around the chosen object, and jumps to the best of them."""

    def __init__(self, session: Session) -> None:
        self._session, self._run, self._model = session, session.run, session.run.model
        self._arc: list[SceneNodeHandle] = []
        gui = session.server.gui
        with gui.add_folder("Photographs"):
            self._show_arc = gui.add_checkbox(
                "Camera arc", False, hint="Which photographs see the chosen object: brighter cameras see more of it."
            )
            self._views: GuiDropdownHandle[str] = gui.add_dropdown(
                "View", [NO_VIEWS], hint="The photographs that were chosen to complete the object from, best first."
            )
            self._jump_button = gui.add_button("Look from there")
            self._behind_button = gui.add_button(
                "Look from behind", hint="From the other side of the object, where fewer photographs looked."
            )
            self._find_button = gui.add_button(
                "Find views", visible=False, hint="Choose the best views again: checkpoints hold none. Takes seconds."
            )
        self._show_arc.on_update(lambda _: self._draw_arc())
        self._jump_button.on_click(lambda event: self._jump(event.client, False))
        self._behind_button.on_click(lambda event: self._jump(event.client, True))
        self._find_button.on_click(lambda _: self._find())
        session.choice_listeners.append(self._draw_arc)
        self._is_looked_for = False
        self._looked_for: set[str] = set()
        """The objects whose views were looked for once without being asked to."""

    def refresh(self) -> None:
        """Offer the views of the chosen object as they are now."""
        name, views = self._session.choice.name, self._model.scene_objects.views
        is_missing = name is not None and name not in views
        if name is not None and is_missing and not self._session.is_trained and name not in self._looked_for:
            self._looked_for.add(name)
            self._find()
        self._find_button.visible = is_missing and not self._is_looked_for
        names = tuple(view.name for view in views.get(name or "", ())) or (NO_VIEWS,)
        if tuple(self._views.options) != names:
            self._views.options = names

    def _find(self) -> None:
        """Find the best views of all objects of a run that was loaded from a checkpoint."""
        self._is_looked_for = True

        def find() -> None:
            try:
                find_views(self._run, self._model.scene_objects.objects())
            finally:
                self._is_looked_for = False

        self._session.in_background(find)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """The training cameras by the names of their photographs."""
        frames = self._run.data.mask_frames[: len(self._run.data.train_dataset)]
        return {frame.name: number for number, frame in enumerate(frames)}

    def _place_of(self, number: int) -> tuple[Float64[Tensor, "3 3"], Float64[Tensor, " 3"], float]:
        """The rotation (z forward), position and vertical field of view of a training camera."""
        camera = self._run.data.train_dataset.cameras[number]
        T_camera_world = viewmats_from_camera_to_worlds(camera.camera_to_worlds[None].double().cpu())[0]
        rotation = T_camera_world[:3, :3].T
        fov = 2 * math.atan(float(camera.height) / 2 / float(camera.fy))
        return rotation, -rotation @ T_camera_world[:3, 3], fov

    def _jump(self, client: ClientHandle | None, is_behind: bool) -> None:
        """Let a person look from the chosen photograph's camera, or from the other side of the object."""
        name, number = self._session.choice.name, self._numbers.get(self._views.value)
        if name is None or number is None or client is None:
            self._session.notify("Choose an object that has views first.")
            return
        rotation, position, fov = self._place_of(number)
        if is_behind:
            center = self._model.scene_objects.record(name).frame.center.double().cpu()
            rotation, position = HALF_TURN @ rotation, HALF_TURN @ (position - center) + center
        with client.atomic():
            client.camera.position = position.numpy() * VISER_NERFSTUDIO_SCALE_RATIO
            client.camera.wxyz = np.array(wxyz_from_rotation(rotation))
            client.camera.fov = fov

    def _draw_arc(self) -> None:
        """Draw the cameras, if they are wanted and an object is chosen, in place of those of another object."""
        for handle in self._arc:
            handle.remove()
        name = self._session.choice.name
        self._arc = []
        if self._show_arc.value and name in self._model.scene_objects.names:
            shares = self._model.scene_objects.record(name).visible_shares
            most = max([*shares.values(), SEES])
            for photograph, number in self._numbers.items():
                self._arc += self._draw_camera(name, number, shares.get(photograph, 0.0), most)

    def _draw_camera(self, name: str, number: int, share: float, most: float) -> list[SceneNodeHandle]:
        """One camera, and the line from it to the object if it sees that."""
        record, scene = self._model.scene_objects.record(name), self._session.server.scene
        rotation, position, fov = self._place_of(number)
        center = record.frame.center.double().cpu()
        sees = share >= SEES
        bright = 0.25 + 0.75 * share / most
        color = 255 * bright * np.array(color_of(record.label)) if sees else np.array(BLIND)
        camera = scene.add_camera_frustum(
            f"/scorp/arc/{number}",
            fov=fov,
            aspect=4 / 3,
            scale=ARC_SIZE * float((center - position).norm()) * VISER_NERFSTUDIO_SCALE_RATIO,
            color=color.astype(np.uint8),
            wxyz=wxyz_from_rotation(rotation),
            position=position.numpy() * VISER_NERFSTUDIO_SCALE_RATIO,
        )
        if not sees:
            return [camera]
        ends = torch.stack([position, center]).numpy() * VISER_NERFSTUDIO_SCALE_RATIO
        line = scene.add_spline_catmull_rom(f"/scorp/arc/{number}_line", ends, color=color.astype(np.uint8))
        return [camera, line]
