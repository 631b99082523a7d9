"""A folder in the viewer that tells which proxies there are, and how far the next one has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerfstudio.viewer.viewer_elements import ViewerControl

from scorp_ns.viewer.markdown import plain

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer

    from scorp_ns.model import ScorpModel


class ProxyProgress(ViewerControl):
    """The viewer's folder 'Proxies'. Its button answers while training waits for a generator."""

    def __init__(self, model: ScorpModel) -> None:
        self._model = model

    def _setup(self, viewer: Viewer) -> None:
        """Build the folder, and follow the model's proxies."""
        super()._setup(viewer)
        gui = viewer.viser_server.gui
        with gui.add_folder("Proxies", order=viewer.stats_markdown.order + 0.6, expand_by_default=False):
            self._list = gui.add_markdown("")
            self._now = gui.add_markdown("", visible=False)
            self._bar = gui.add_progress_bar(0, visible=False)
            self._cancel_button = gui.add_button("Cancel", visible=False, hint="Leave this object as it was lifted.")
        # A raw button of the server: the viewer's own would wait for the very work that it shall stop.
        self._cancel_button.on_click(lambda _: self._cancel())
        self._model.scene_proxies.listeners.append(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        """Show the proxies as they are now, and the work on the next one."""
        store = self._model.scene_proxies
        lines = [f"- {plain(proxy.name)}: by {plain(proxy.made_by)}" for proxy in store.proxies()]
        lines += [f"- {plain(name)}: none. {plain(reason)}" for name, reason in store.failures.items()]
        self._list.content = "\n".join(lines) or "No proxies yet."
        running = store.running
        self._now.visible = self._bar.visible = self._cancel_button.visible = running is not None
        if running is not None:
            self._now.content = f"{plain(running.name)}: {plain(running.text)}"
            self._bar.value = 100 * running.share
            self._bar.animated = running.share == 0

    def _cancel(self) -> None:
        """Stop the work on the proxy that is being made now."""
        running = self._model.scene_proxies.running
        if running is not None:
            running.cancelled.set()
            self._now.content = f"{plain(running.name)}: cancelling ..."
