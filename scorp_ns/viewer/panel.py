"""The viewer's tab named scorp: what the run does, what its objects are like, and how people see and correct them."""

from __future__ import annotations

from contextlib import suppress
from threading import Thread, current_thread
from time import sleep
from typing import TYPE_CHECKING

from nerfstudio.utils.rich_utils import CONSOLE
from nerfstudio.viewer.render_state_machine import RenderStateMachine
from nerfstudio.viewer.viewer_elements import ViewerControl

from scorp_ns.viewer.camera_choice import CameraChoice
from scorp_ns.viewer.corrections_tab import Correcting
from scorp_ns.viewer.object_choice import ObjectChoice
from scorp_ns.viewer.picking_tab import ObjectPicking
from scorp_ns.viewer.render_modes import Look
from scorp_ns.viewer.session import Desk
from scorp_ns.viewer.show_choice import ShowChoice
from scorp_ns.viewer.stage_progress import StageProgress
from scorp_ns.viewer.tab import add_tab

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer

    from scorp_ns.model import ScorpModel

REFRESH_EVERY_S = 0.25
"""How often the panel looks at what the run does."""


class ScorpPanel(ViewerControl):
    """The panel. nerfstudio's viewer finds it on the model, and sets it up before a checkpoint is loaded."""

    def __init__(self, model: ScorpModel) -> None:
        self._model = model
        self._desk: Desk | None = None
        self._picking = ObjectPicking(model)
        self._told: set[str] = set()
        """What went wrong with looks at the run."""

    def look_of_this_thread(self) -> Look | None:
        """What the viewer is to show, if it asks; training and tools ask in other threads."""
        is_viewer = self._desk is not None and isinstance(current_thread(), RenderStateMachine)
        return self._desk.look if self._desk is not None and is_viewer else None

    def _setup(self, viewer: Viewer) -> None:
        """Build the tab, and keep it up to date."""
        super()._setup(viewer)
        desk = self._desk = Desk(self._model, viewer)
        with add_tab(viewer.viser_server.gui):
            desk.message = viewer.viser_server.gui.add_markdown("")
            stages = StageProgress(desk)
            objects = ObjectChoice(desk)
            ShowChoice(desk)
            cameras = CameraChoice(desk)
            correcting = Correcting(desk)
            self._picking._setup(viewer)
        self._model.corrections.listeners.append(desk.tell)
        self._parts = (stages, objects, cameras, correcting)
        Thread(target=self._refresh_for_ever, daemon=True).start()

    def refresh(self) -> None:
        """Show what is there now."""
        for part in self._parts:
            part.refresh()

    def _refresh_for_ever(self) -> None:
        while True:
            self._refresh_if_possible()
            sleep(REFRESH_EVERY_S)

    def _refresh_if_possible(self) -> None:
        """Show what is there now; what goes wrong is told once, and costs this look only."""
        try:
            # What is listed may come or go while it is read, and the server may be stopped; the next look is soon.
            with suppress(KeyError, RuntimeError):
                self.refresh()
        except Exception as error:  # The server may raise anything, and the panel would stand still for good.
            text = f"The panel could not be brought up to date ({type(error).__name__}: {error})."
            if text not in self._told:
                self._told.add(text)
                CONSOLE.print(text, style="yellow", markup=False)
