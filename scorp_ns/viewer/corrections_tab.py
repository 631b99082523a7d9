"""The part of the panel that corrects: where a proxy stands, who makes it, and whether an object needs one."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.plugins.generators import BUILT_IN
from scorp_ns.plugins.registry import GENERATORS, plugin_names
from scorp_ns.run.requests import Accept, Regenerate, Reject, Restore, Search
from scorp_ns.scene.records import Placed, Refused
from scorp_ns.viewer.gizmo import Gizmo
from scorp_ns.viewer.place_edits import AXES, flipped, mirrored, nudged, resized
from scorp_ns.viewer.session import Session

NO_PROXY = "Choose an object that has a proxy first."

NO_OBJECT = "Choose an object first."


class Correcting:
    """Buttons that ask the run for something, and the gizmo that says where."""

    def __init__(self, session: Session) -> None:
        self._session, self._model = session, session.run.model
        self._start: Similarity | None = None
        self._draft: Similarity | None = None
        self._gizmo = Gizmo(session.server.scene, self._take_from_gizmo)
        with session.server.gui.add_folder("Correct", expand_by_default=False):
            self._build_place()
            self._build_decisions()
        session.choice_listeners.append(self._stop)

    def _build_place(self) -> None:
        gui = self._session.server.gui
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
        gui, choice = self._session.server.gui, self._model.config.generator
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
        is_rejected = self._session.choice.name in self._model.scene_proxies.rejected
        self._reject_button.visible = not is_rejected
        self._restore_button.visible = is_rejected
        if self._draft is not None and self._proxy_name() is None:
            self._stop()

    def _proxy_name(self) -> str | None:
        """The chosen object, if it has a proxy."""
        name = self._session.choice.name
        return name if name in self._model.scene_proxies.names else None

    def _begin(self) -> None:
        """Show the gizmo where the proxy of the chosen object stands, or where it was believed to stand."""
        name = self._proxy_name()
        if name is None:
            self._stop()
            self._session.notify(NO_PROXY)
            return
        self._move.value = True
        self._size.value = 100.0
        self._start = self._standing(name)
        self._gizmo.show(self._model.scene_proxies.proxy(name).gaussians, self._start)
        self._take(self._start)

    def _standing(self, name: str) -> Similarity:
        """The pose of a proxy, or else the best one that is known."""
        record, frame = self._model.scene_proxies.record(name), self._model.scene_objects.record(name).frame
        match record.placement:
            case Placed(pose=pose):
                return pose
            case Refused(best=best) if best is not None:
                return best
        if record.start is not None:
            return record.start.pose
        return Similarity(torch.eye(3, dtype=torch.float64), frame.center.double().cpu(), frame.diagonal)

    def _stop(self) -> None:
        """Put the gizmo away, and forget where the proxy was moved."""
        self._gizmo.hide()
        self._draft = None
        self._move.value = False
        self._session.see(draft=None)

    def _take(self, pose: Similarity) -> None:
        self._draft = pose
        self._session.see(draft=pose)

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
        to_world = self._session.run.data.capture_to_world
        self._change(lambda pose: nudged(pose, self._shift.value, self._turn.value, to_world))

    def _hand_in(self, kind: type[Accept] | type[Search]) -> None:
        """Ask for what was drafted."""
        name, draft = self._proxy_name(), self._draft
        if name is None or draft is None:
            self._session.notify(
                "Move the proxy first: tick 'Move proxy', and use the gizmo, the slider or the numbers."
            )
        elif self._session.ask(kind(name, draft)):
            self._stop()

    def _decide(self, kind: type[Reject] | type[Restore]) -> None:
        name = self._session.choice.name
        if name is None:
            self._session.notify(NO_OBJECT)
        else:
            self._session.ask(kind(name))

    def _regenerate(self) -> None:
        name = self._session.choice.name
        if name is None:
            self._session.notify(NO_OBJECT)
        else:
            self._session.ask(Regenerate(name, cast("str", self._maker.value)))
