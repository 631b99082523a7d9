"""The part of the panel with the run's stages, and with the work on one object, which can be stopped."""

from __future__ import annotations

from collections.abc import Sequence

from scorp_ns.run.stage import Stage
from scorp_ns.viewer.markdown import plain
from scorp_ns.viewer.session import Session
from scorp_ns.viewer.stage_list import finished_lines, running_lines, share_done, waiting_line


class StageProgress:
    """The stages, and the work on one object. Its button answers while training waits for a generator."""

    def __init__(self, session: Session, stages: Sequence[Stage]) -> None:
        self._session, self._run, self._stages = session, session.run, stages
        gui = session.server.gui
        with gui.add_folder("Stages"):
            self._list = gui.add_markdown("")
            self._bar = gui.add_progress_bar(0, visible=session.is_trained)
            self._now = gui.add_markdown("", visible=False)
            self._work_bar = gui.add_progress_bar(0, visible=False)
            self._cancel_button = gui.add_button("Cancel", visible=False, hint="Leave this object as it was lifted.")
        # A raw button of the server: the viewer's own would wait for the very work that it shall stop.
        self._cancel_button.on_click(lambda _: self._cancel())
        self._run.listeners.append(self._show_work)

    def refresh(self) -> None:
        """Show the stages as they are now."""
        state = self._session.training_state
        lines = (
            finished_lines(self._run, self._stages) if state is None else running_lines(self._run, self._stages, state)
        )
        waiting = waiting_line(self._run, state == "paused")
        content = "  \n".join([*lines, *([waiting] if waiting else [])])
        if content != self._list.content:
            self._list.content = content
        share = 100 * share_done(self._run)
        if state is not None and share != self._bar.value:
            self._bar.value = share

    def _show_work(self) -> None:
        """Show the work on one object as it is now."""
        running = self._run.running
        self._now.visible = self._work_bar.visible = self._cancel_button.visible = running is not None
        if running is not None:
            self._now.content = f"{plain(running.name)}: {plain(running.text)}"
            self._work_bar.value = 100 * running.share
            self._work_bar.animated = running.share == 0

    def _cancel(self) -> None:
        """Stop the work on the object that is worked on now."""
        running = self._run.running
        if running is not None:
            running.cancelled.set()
            self._now.content = f"{plain(running.name)}: cancelling ..."
