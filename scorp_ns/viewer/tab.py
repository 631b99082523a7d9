"""A place for our panel among the viewer's tabs."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from viser import GuiApi, GuiTabGroupHandle, Icon

LABEL = "scorp"


def add_tab(gui: GuiApi) -> AbstractContextManager[Any]:
    """A tab named scorp in the viewer's own group of tabs; in a group of its own where that is not to be found."""
    group = _viewers_tabs(gui) or gui.add_tab_group()
    return group.add_tab(LABEL, Icon.CUBE)


def _viewers_tabs(gui: GuiApi) -> GuiTabGroupHandle | None:
    """The group of tabs that the host's viewer made: it keeps no handle of it, but the server has all that there is."""
    root = getattr(gui, "_container_handle_from_id", {}).get("root")
    children = getattr(root, "_children", {}).values()
    return next((child for child in children if isinstance(child, GuiTabGroupHandle)), None)
