"""The session that all parts of the panel share: the run, the viewer, the chosen object, and the chosen view of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from threading import Thread
from typing import Any

from nerfstudio.viewer.viewer import Viewer
from viser import GuiMarkdownHandle

from scorp_ns.errors import ScorpError
from scorp_ns.run.requests import Request
from scorp_ns.run.run import Run
from scorp_ns.viewer.markdown import plain
from scorp_ns.viewer.masked_photographs import MaskedPhotographs
from scorp_ns.viewer.render_modes import ViewChoice

NOTICE_MS = 8000
"""The time that a notification stays."""


class Session:
    """One viewer of one run. Its callbacks run in threads of the viewer's, and none of them waits for training."""

    def __init__(self, run: Run, viewer: Viewer) -> None:
        self.run, self.viewer, self.server = run, viewer, viewer.viser_server
        self.choice = ViewChoice(photographs=MaskedPhotographs(lambda: run.views.captured))
        self.choice_listeners: list[Callable[[], None]] = []
        """Called when another object is chosen."""
        self.message: GuiMarkdownHandle | None = None
        """The line of the panel with the latest message."""

    @property
    def is_trained(self) -> bool:
        """Whether the run is in training, or could go on with it."""
        return self.viewer.trainer is not None

    @property
    def training_state(self) -> str | None:
        """The trainer's `training`, `paused` or `completed`; None for a run that is only looked at."""
        return None if self.viewer.trainer is None else self.viewer.trainer.training_state

    def see(self, **changes: Any) -> None:
        """Change the view, and show it."""
        self.choice = replace(self.choice, **changes)
        self.viewer._trigger_rerender()

    def choose(self, name: str | None) -> None:
        """Choose another object."""
        if name != self.choice.name:
            self.see(name=name, draft=None)
            for listener in self.choice_listeners:
                listener()

    def notify(self, message: str) -> None:
        """Show a message in the panel, and where it cannot be missed."""
        if self.message is not None:
            self.message.content = plain(message)
        for client in self.server.get_clients().values():
            client.add_notification("scorp", message, auto_close=NOTICE_MS)

    def guarded(self, action: Callable[[], None], tell: Callable[[str], None] | None = None) -> None:
        """Change the model while no one else does, and tell in words why that fails."""
        with self.viewer.train_lock or nullcontext():
            try:
                action()
            except ScorpError as error:
                (tell or self.notify)(str(error))

    def in_background(self, action: Callable[[], None]) -> None:
        """Do the same in a thread, as it takes its time."""
        Thread(target=self.guarded, args=(action,), daemon=True).start()

    def ask(self, request: Request) -> bool:
        """Hand a request to the run; whether there is one that hears it."""
        if not self.is_trained or not self.run.requests.is_heard:
            self.notify(
                "A finished run can be looked at here, but not changed. Give its ns-train command again with "
                f"--load-dir {self.viewer.log_filename.parent} --vis viewer to change it."
            )
            return False
        self.run.requests.ask(request)
        is_paused = self.training_state == "paused"
        self.notify("Asked for; it is done when training is resumed." if is_paused else "Asked for ...")
        return True
