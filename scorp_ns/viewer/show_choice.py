"""The part of the panel that chooses what the viewer's pictures show."""

from __future__ import annotations

from scorp_ns.viewer.render_modes import Colors, Shown
from scorp_ns.viewer.session import Session


class ShowChoice:
    """The choice of the Gaussians shown, of their colours, and of the place where a picture is divided."""

    def __init__(self, session: Session) -> None:
        gui = session.server.gui
        with gui.add_folder("Show"):
            self._shown = gui.add_dropdown("Show", [one.value for one in Shown])
            self._split = gui.add_slider("Divide at", 0.05, 0.95, 0.05, 0.5, visible=False)
            self._colors = gui.add_dropdown("Colours", [one.value for one in Colors])
        self._session = session
        self._shown.on_update(lambda _: self._change_shown())
        self._split.on_update(lambda _: session.see(split=self._split.value))
        self._colors.on_update(lambda _: session.see(colors=Colors(self._colors.value)))

    def _change_shown(self) -> None:
        shown = Shown(self._shown.value)
        self._split.visible = shown == Shown.SPLIT
        self._session.see(shown=shown)
