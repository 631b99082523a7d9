"""What the parts of the panel share: the viewer, the chosen object, and what is to be seen."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING, Any, cast

from scorp_ns.errors import ScorpError
from scorp_ns.run.lifting import FOLDER, ObjectLifting, captured_views
from scorp_ns.run.requests import Wish
from scorp_ns.viewer.markdown import plain
from scorp_ns.viewer.masked_photographs import MaskedPhotographs
from scorp_ns.viewer.render_modes import Look

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer

    from scorp_ns.data.datamanager import ScorpDataManager
    from scorp_ns.model import ScorpModel
    from scorp_ns.trainer import ScorpTrainer

NOTICE_MS = 8000
"""How long a notification stays."""


class Desk:
    """One viewer of one model. Its callbacks run in threads of the viewer's, and none of them waits for training."""

    def __init__(self, model: ScorpModel, viewer: Viewer) -> None:
        self.model, self.viewer, self.server = model, viewer, viewer.viser_server
        self.look = Look(photographs=MaskedPhotographs(lambda: captured_views(model, self.datamanager)))
        self.choice_listeners: list[Callable[[], None]] = []
        """Whom to tell when another object is chosen."""
        self.message: Any = None
        """The line of the panel that says what happened last."""
        self.lifting = ObjectLifting(model, self.datamanager, viewer.log_filename.parent / FOLDER)

    @property
    def trainer(self) -> ScorpTrainer | None:
        """Who trains the model; None for a run that is only looked at."""
        return cast("ScorpTrainer | None", self.viewer.trainer)

    @property
    def datamanager(self) -> ScorpDataManager:
        """The capture."""
        return cast("ScorpDataManager", self.viewer.pipeline.datamanager)

    def see(self, **changes: Any) -> None:
        """Change what is to be seen, and show it."""
        self.look = replace(self.look, **changes)
        self.viewer._trigger_rerender()

    def choose(self, name: str | None) -> None:
        """Choose another object."""
        if name != self.look.name:
            self.see(name=name, draft=None)
            for listener in self.choice_listeners:
                listener()

    def tell(self, message: str) -> None:
        """Say something in the panel, and where it cannot be missed."""
        self.message.content = plain(message)
        for client in self.server.get_clients().values():
            client.add_notification("scorp", message, auto_close=NOTICE_MS)

    def in_background(self, action: Callable[[], None]) -> None:
        """Do something to the model that takes its time while nobody else does, and say in words why it fails."""

        def act() -> None:
            with self.viewer.train_lock or contextlib.nullcontext():
                try:
                    action()
                except ScorpError as error:
                    self.tell(str(error))

        Thread(target=act, daemon=True).start()

    def ask(self, wish: Wish) -> bool:
        """Ask the run for something; whether there is one that hears it."""
        if self.trainer is None or not self.model.corrections.is_heard:
            self.tell(
                "A finished run can be looked at here, but not changed. Give its ns-train command again with "
                f"--load-dir {self.viewer.log_filename.parent} --vis viewer to change it."
            )
            return False
        self.model.corrections.ask(wish)
        is_paused = self.trainer.training_state == "paused"
        self.tell("Asked for; it is done when training is resumed." if is_paused else "Asked for ...")
        return True
