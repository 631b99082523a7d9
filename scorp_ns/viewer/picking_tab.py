"""The part of the panel that grows new objects where people click."""

from __future__ import annotations

import torch
from nerfstudio.viewer.viewer_elements import ViewerClick, ViewerControl
from viser import GuiDropdownHandle

from scorp_ns.errors import PickError, ScorpError
from scorp_ns.lift.seen_surface import hit_point
from scorp_ns.messages import counted, some_of
from scorp_ns.run.object_editing import pick_object, remove_object, write_objects
from scorp_ns.run.requests import Keep
from scorp_ns.scene.picks import Pick, read_picks, write_picks
from scorp_ns.viewer.markdown import plain
from scorp_ns.viewer.object_markers import ObjectMarkers
from scorp_ns.viewer.session import Session

REACH = 1.0
"""An object ends within this share of the distance that it was clicked from: it fits into the view."""

NOTHING_PICKED = "(none)"

HINT = "Give the object a name, press the button, and click on the object."


class ObjectPicking:
    """The viewer's folder 'Pick'. Its callbacks run in threads of the viewer's, whose lock guards the model."""

    def __init__(self, session: Session, control: ViewerControl) -> None:
        """Build the folder where the caller is; in a finished run, grow again what an earlier viewer saved."""
        self._session, self._run, self._model = session, session.run, session.run.model
        self._control = control
        self._is_picking = False
        self._markers = ObjectMarkers(session.server.scene)
        self._build()
        self._model.scene_objects.listeners.append(self._refresh)
        self._refresh()
        if not session.is_trained:
            self._restore()

    def _build(self) -> None:
        gui = self._session.server.gui
        with gui.add_folder("Pick", expand_by_default=False):
            self._show = gui.add_checkbox("Mark objects", False, hint="Mark the Gaussians of every object.")
            self._name = gui.add_text("New object", "", hint="The name of the object to be picked.")
            self._pick_button = gui.add_button("Pick by click", hint=HINT)
            self._stop_button = gui.add_button("Stop picking", visible=False)
            self.info = gui.add_markdown(HINT)
            self._picked: GuiDropdownHandle[str] = gui.add_dropdown("Picked", [NOTHING_PICKED])
            self._remove_button = gui.add_button("Remove", hint="Forget the picked object chosen above.")
            self._save_button = gui.add_button(
                "Save", hint="Write the objects to the run's folder, and keep the picks."
            )
        self._show.on_update(lambda _: self._markers.set_visible(self._show.value))
        self._pick_button.on_click(lambda _: self._start())
        self._stop_button.on_click(lambda _: self._stop())
        self._remove_button.on_click(lambda _: self._session.guarded(self._remove, self._tell))
        self._save_button.on_click(lambda _: self._session.guarded(self._save, self._tell))

    def _start(self) -> None:
        """Begin to wait for a click on an object."""
        if refusal := self._refusal(self._name.value.strip()):
            self._tell(refusal)
            return
        self._set_picking(True)
        self._tell(f"Click on the middle of '{self._name.value.strip()}'.")
        self._control.register_pointer_cb("click", self.click, lambda: self._set_picking(False))

    def _stop(self) -> None:
        if self._is_picking:
            self._control.unregister_pointer_cb()

    def _set_picking(self, is_picking: bool) -> None:
        """Show that clicks are ours now, or no more, whoever ended that."""
        self._is_picking = is_picking
        self._pick_button.visible = not is_picking
        self._stop_button.visible = is_picking

    def click(self, click: ViewerClick) -> None:
        self._session.guarded(lambda: self._pick(self._name.value.strip(), click), self._tell)

    def _pick(self, name: str, click: ViewerClick) -> None:
        """Grow an object where a click hit."""
        if refusal := self._refusal(name):
            self._tell(refusal)
            return
        self.info.content = f"Growing '{name}' ..."
        pick_object(self._run, self._pick_at(name, click))
        self._stop()
        self._name.value = ""
        number = len(self._model.scene_objects.indices(name))
        self._tell(f"'{name}' is an object now, of {counted(number, 'Gaussian')}.")

    def _pick_at(self, name: str, click: ViewerClick) -> Pick:
        """The pick of a click, in the frame of the capture."""
        origin, direction = (torch.tensor(value, dtype=torch.float32) for value in (click.origin, click.direction))
        hit = hit_point(self._model.scene, origin, direction)
        if hit is None:
            raise PickError("The click hit nothing.", "It has to meet an object.", "Click on the middle of the object.")
        to_capture = self._run.data.capture_to_world.inverse()
        x, y, z = to_capture.apply(hit.cpu().double()).tolist()
        return Pick(name, (x, y, z), REACH * float((hit.cpu() - origin).norm()) * to_capture.scale)

    def _refusal(self, name: str) -> str | None:
        """Why no object can be picked under a name."""
        if not name:
            return "Give the object a name first."
        known = {*self._model.scene_objects.names, *(info.name for info in self._run.masked_objects)}
        if name in known:
            return f"There is an object '{name}' already. Choose another name."
        return None

    def _remove(self) -> None:
        """Forget the picked object that is chosen, also on disk."""
        name = self._picked.value
        store = self._model.scene_objects
        if name not in {pick.name for pick in store.picks}:
            self._tell("No picked object is chosen.")
            return
        if name in self._model.scene_composite.names:
            self._tell(f"'{name}' is composed with its proxy. Reject it first.")
            return
        if name in self._model.scene_refinement.names:
            self._tell(f"The place of the proxy of '{name}' is being refined. Remove it when that is done.")
            return
        remove_object(self._run, name)
        if self._session.training_state == "completed":
            self._run.requests.ask(Keep(name))
        if read_picks(self._run.folder):
            write_picks(self._run.folder, store.picks)
        self._tell(f"'{name}' is no object any more. Files that were written of it stay where they are.")

    def _save(self) -> None:
        """Write all objects, and keep the picks for the next time."""
        store = self._model.scene_objects
        if not store.names:
            self._tell("There are no objects to save.")
            return
        write_objects(self._run)
        write_picks(self._run.folder, store.picks)
        self._tell(f"{counted(len(store.names), 'object')} saved in {self._run.folder}.")

    def _restore(self) -> None:
        """Grow again what an earlier viewer saved, in a thread of its own, as it takes seconds."""
        try:
            picks = [pick for pick in read_picks(self._run.folder) if not self._refusal(pick.name)]
        except ScorpError as error:
            self._tell(str(error))
            return
        if picks:
            self.info.content = f"Growing {some_of([pick.name for pick in picks])} again ..."
            self._session.in_background(lambda: self._grow_again(picks))

    def _grow_again(self, picks: list[Pick]) -> None:
        """Grow each of them; one that does not grow any more is told, and costs the others nothing."""
        for pick in picks:
            try:
                pick_object(self._run, pick)
            except ScorpError as error:
                self._tell(str(error))
        self.info.content = HINT

    def _refresh(self) -> None:
        """Show the objects as they are now. Whoever changes them calls this, with the viewer's lock if need be."""
        store = self._model.scene_objects
        objects = tuple(map(self._model.scene_composite.shown, store.objects()))
        self._picked.options = tuple(pick.name for pick in store.picks) or (NOTHING_PICKED,)
        self._markers.show(objects, self._model.scene.means, self._show.value)

    def _tell(self, message: str) -> None:
        """Show a message below the button, and where it cannot be missed."""
        self.info.content = plain(message)
        self._session.notify(message)
