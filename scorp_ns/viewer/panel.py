"""The viewer's tab named scorp: the run's stages, its objects, and all that people see of them and correct."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from threading import Thread, current_thread
from time import sleep

from nerfstudio.cameras.cameras import Cameras
from nerfstudio.utils.rich_utils import CONSOLE
from nerfstudio.viewer.render_state_machine import RenderStateMachine
from nerfstudio.viewer.viewer import Viewer
from nerfstudio.viewer.viewer_elements import ViewerControl
from torch import Tensor

from scorp_ns.run.run import FOLDER, Run
from scorp_ns.run.stage import Stage
from scorp_ns.viewer.camera_choice import CameraChoice
from scorp_ns.viewer.corrections_tab import Correcting
from scorp_ns.viewer.object_choice import ObjectChoice
from scorp_ns.viewer.picking_tab import ObjectPicking
from scorp_ns.viewer.render_modes import render_choice
from scorp_ns.viewer.session import Session
from scorp_ns.viewer.show_choice import ShowChoice
from scorp_ns.viewer.stage_progress import StageProgress
from scorp_ns.viewer.tab import add_tab

REFRESH_EVERY_S = 0.25
"""The time between two looks of the panel at the run."""


class ScorpPanel(ViewerControl):
    """The panel. nerfstudio's viewer finds it on the pipeline, and sets it up before a checkpoint is loaded."""

    def __init__(self, run: Run, stages: Sequence[Stage]) -> None:
        self._run, self._stages = run, stages
        self.session: Session | None = None
        self._told: set[str] = set()
        """Errors of looks at the run."""

    def picture_for_viewer(self, camera: Cameras) -> dict[str, Tensor] | None:
        """The picture that a person chose, if the viewer asks; None for training and tools, in other threads."""
        if self.session is None or not isinstance(current_thread(), RenderStateMachine):
            return None
        return render_choice(self._run.model, self.session.choice, camera)

    def _setup(self, viewer: Viewer) -> None:
        """Build the tab, and keep it up to date."""
        super()._setup(viewer)
        self._run.folder = viewer.log_filename.parent / FOLDER
        session = self.session = Session(self._run, viewer)
        with add_tab(viewer.viser_server.gui):
            session.message = viewer.viser_server.gui.add_markdown("")
            stages = StageProgress(session, self._stages)
            objects = ObjectChoice(session)
            ShowChoice(session)
            cameras = CameraChoice(session)
            correcting = Correcting(session)
            ObjectPicking(session, self)
        self._run.requests.listeners.append(session.notify)
        self._parts = (stages, objects, cameras, correcting)
        Thread(target=self._refresh_for_ever, daemon=True).start()

    def refresh(self) -> None:
        """Show the run as it is now."""
        for part in self._parts:
            part.refresh()

    def _refresh_for_ever(self) -> None:
        while True:
            self._refresh_if_possible()
            sleep(REFRESH_EVERY_S)

    def _refresh_if_possible(self) -> None:
        """Show the run as it is now; an error is told once, and costs this look only."""
        try:
            # Lists may change while they are read, and the server may be stopped; the next look is soon.
            with suppress(KeyError, RuntimeError):
                self.refresh()
        except Exception as error:  # The server may raise anything, and the panel would stand still for good.
            text = f"The panel could not be brought up to date ({type(error).__name__}: {error})."
            if text not in self._told:
                self._told.add(text)
                CONSOLE.print(text, style="yellow", markup=False)
