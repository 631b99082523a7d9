"""The part of the panel that lists the objects, and where one is chosen."""

from __future__ import annotations

from pathlib import Path

from viser import GuiDropdownHandle

from scorp_ns.products import ObjectView
from scorp_ns.viewer.object_list import NO_OBJECTS, describe, status_of, strip_of
from scorp_ns.viewer.session import Session

NONE_CHOSEN = "(none)"


class ObjectChoice:
    """All objects with their pictures, and the one that the parts below are about."""

    def __init__(self, session: Session) -> None:
        self._session, self._model = session, session.run.model
        self._numbers: dict[str, int] = {}
        self._pictures: dict[str, tuple[ObjectView, str]] = {}
        gui = session.server.gui
        with gui.add_folder("Objects"):
            # The root is for pictures in files; these hold theirs themselves.
            self._list = gui.add_markdown(NO_OBJECTS, image_root=Path())
            self._choice: GuiDropdownHandle[str] = gui.add_dropdown("Object", [NONE_CHOSEN])
        self._choice.on_update(lambda _: self._choose())
        self._model.scene_objects.listeners.append(self._count)
        self._count()

    def _count(self) -> None:
        """Count each object's Gaussians; called by the thread that changes them."""
        objects = map(self._model.scene_composite.shown, self._model.scene_objects.objects())
        self._numbers = {one.name: len(one.indices) for one in objects}

    def refresh(self) -> None:
        """Show the objects as they are now."""
        entries = status_of(self._model)
        described = [describe(one, self._numbers.get(one.name), self._picture(one.name)) for one in entries]
        content = "\n\n".join(described) or NO_OBJECTS
        if content != self._list.content:
            self._list.content = content
        names = self._model.scene_objects.names or (NONE_CHOSEN,)
        if tuple(self._choice.options) != names:
            self._choice.options = names
            self._choose()

    def _choose(self) -> None:
        name = self._choice.value
        self._session.choose(name if name in self._model.scene_objects.names else None)

    def _picture(self, name: str) -> str | None:
        """The picture of an object; None for one whose views were not looked for in this process."""
        views = self._model.scene_objects.views.get(name)
        if not views:
            return None
        known = self._pictures.get(name)
        if known is None or known[0] is not views[0]:
            known = self._pictures[name] = (views[0], strip_of(views))
        return known[1]
