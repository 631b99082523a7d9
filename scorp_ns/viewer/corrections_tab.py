"""The part of the panel that corrects: where a proxy stands, who makes it, and whether an object needs one."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.plugins.generators import BUILT_IN
from scorp_ns.plugins.registry import GENERATORS, plugin_names
from scorp_ns.run.lifting import capture_to_world
from scorp_ns.run.requests import Accept, Regenerate, Reject, Restore, Search
from scorp_ns.viewer.gizmo import Gizmo
from scorp_ns.viewer.place_edits import AXES, flipped, mirrored, nudged, resized
from scorp_ns.viewer.session import Desk

NO_PROXY = "Choose an object that has a proxy first."

NO_OBJECT = "Choose an object first."


class Correcting:
    """Buttons that ask the run for something, and the gizmo that says where."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._model = desk, desk.model
        self._start: Similarity | None = None
        self._draft: Similarity | None = None
        self._gizmo = Gizmo(desk.server.scene, self._take_from_gizmo)
        with desk.server.gui.add_folder("Correct", expand_by_default=False):
            self._build_place()
            self._build_decisions()
        desk.choice_listeners.append(self._stop)

    def _build_place(self) -> None:
        gui = self._desk.server.gui
        self._move = gui.add_checkbox("Move proxy", False, hint="Show a gizmo at the proxy of the chosen object.")
        self._size = gui.add_slider("Size %", 25.0, 400.0, 1.0, 100.0, hint="Of the size that it has now.")
        self._shift = gui.add_vector3("Shift", (0.0, 0.0, 0.0), step=0.001, hint="Along the capture's axes, its units.")
        self._turn = gui.add_vector3("Turn", (0.0, 0.0, 0.0), step=1.0, hint="Degrees about the capture's axes.")
        self._nudge_button = gui.add_button("Nudge", hint="Shift and turn the proxy by these numbers.")
        self._flip = gui.add_button_group("Flip", AXES, hint="Half a turn about an axis of the proxy's own.")
        self._mirror = gui.add_button_group("Mirror", AXES, hint="The proxy's mirror image along an axis of its own.")
        self._accept_button = gui.add_button("Accept place", hint="The proxy belongs there; compose with it.")
        self._search_button = gui.add_button("Search from there", hint="Find the best place around there.")
        self._undo_button = gui.add_button("Undo", hint="Back to where the proxy stands now.")
        # What we set ourselves comes back as an event without a client.
        self._move.on_update(lambda event: event.client and (self._begin() if self._move.value else self._stop()))
        self._size.on_update(lambda event: event.client and self._resize())
        self._nudge_button.on_click(lambda _: self._nudge())
        self._flip.on_click(lambda _: self._change(lambda pose: flipped(pose, self._flip.value)))
        self._mirror.on_click(lambda _: self._change(lambda pose: mirrored(pose, self._mirror.value)))
        self._accept_button.on_click(lambda _: self._hand_in(Accept))
        self._search_button.on_click(lambda _: self._hand_in(Search))
        self._undo_button.on_click(lambda _: self._begin())

    def _build_decisions(self) -> None:
        gui, choice = self._desk.server.gui, self._model.config.generator
        self._reject_button = gui.add_button("Reject", hint="Leave the chosen object as it was lifted.")
        self._restore_button = gui.add_button("Restore", hint="Compose the chosen object after all.", visible=False)
        makers = list(dict.fromkeys([choice.name, *BUILT_IN, *plugin_names(GENERATORS)]))
        self._maker = gui.add_dropdown("Generator", makers)
        self._regenerate_button = gui.add_button("Regenerate", hint="Make the proxy anew, by this generator.")
        self._reject_button.on_click(lambda _: self._decide(Reject))
        self._restore_button.on_click(lambda _: self._decide(Restore))
        self._regenerate_button.on_click(lambda _: self._regenerate())

    def refresh(self) -> None:
        """Offer to reject what is not rejected, and to restore what is."""
        is_rejected = self._desk.look.name in self._model.scene_proxies.rejected
        self._reject_button.visible = not is_rejected
        self._restore_button.visible = is_rejected
        if self._draft is not None and self._proxy_name() is None:
            self._stop()

    def _proxy_name(self) -> str | None:
        """The chosen object, if it has a proxy."""
        name = self._desk.look.name
        return name if name in self._model.scene_proxies.names else None

    def _begin(self) -> None:
        """Show the gizmo where the proxy of the chosen object stands, or where it was believed to stand."""
        name = self._proxy_name()
        if name is None:
            self._stop()
            self._desk.tell(NO_PROXY)
            return
        self._move.value = True
        self._size.value = 100.0
        self._start = self._standing(name)
        self._gizmo.show(self._model.scene_proxies.proxy(name).gaussians, self._start)
        self._take(self._start)

    def _standing(self, name: str) -> Similarity:
        """Where a proxy stands, or else the best that anybody knows of that."""
        store, frame = self._model.scene_proxies, self._model.scene_objects.frame(name)
        proxy = store.proxy(name)
        in_box = Similarity(torch.eye(3, dtype=torch.float64), frame.center.double().cpu(), frame.diagonal)
        return proxy.T_world_proxy or store.refused(name) or proxy.T_world_start or in_box

    def _stop(self) -> None:
        """Put the gizmo away, and forget where the proxy was moved."""
        self._gizmo.hide()
        self._draft = None
        self._move.value = False
        self._desk.see(draft=None)

    def _take(self, pose: Similarity) -> None:
        self._draft = pose
        self._desk.see(draft=pose)

    def _take_from_gizmo(self, pose: Similarity) -> None:
        if self._draft is not None:
            self._take(pose)

    def _change(self, change: Callable[[Similarity], Similarity]) -> None:
        """Move the proxy by a button, and the gizmo with it."""
        if self._draft is None:
            self._begin()
        if self._draft is not None:
            pose = change(self._draft)
            self._gizmo.move(pose)
            self._take(pose)

    def _resize(self) -> None:
        if self._draft is not None and self._start is not None:
            factor = self._size.value / 100 * self._start.scale / self._draft.scale
            self._change(lambda pose: resized(pose, factor))

    def _nudge(self) -> None:
        to_world = capture_to_world(self._desk.datamanager)
        self._change(lambda pose: nudged(pose, self._shift.value, self._turn.value, to_world))

    def _hand_in(self, kind: type[Accept] | type[Search]) -> None:
        """Ask for what was drafted."""
        name, draft = self._proxy_name(), self._draft
        if name is None or draft is None:
            self._desk.tell("Move the proxy first: tick 'Move proxy', and use the gizmo, the slider or the numbers.")
        elif self._desk.ask(kind(name, draft)):
            self._stop()

    def _decide(self, kind: type[Reject] | type[Restore]) -> None:
        name = self._desk.look.name
        if name is None:
            self._desk.tell(NO_OBJECT)
        else:
            self._desk.ask(kind(name))

    def _regenerate(self) -> None:
        name = self._desk.look.name
        if name is None:
            self._desk.tell(NO_OBJECT)
        else:
            self._desk.ask(Regenerate(name, cast("str", self._maker.value)))
