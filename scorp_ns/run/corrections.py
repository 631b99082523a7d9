"""Between the training run and the people who correct it: what they ask for is done between two iterations."""

from __future__ import annotations

from functools import singledispatchmethod
from typing import TYPE_CHECKING

from nerfstudio.utils.rich_utils import CONSOLE

from scorp_ns.errors import CorrectionError, ScorpError
from scorp_ns.messages import all_of
from scorp_ns.pose.local_starts import is_near
from scorp_ns.run.composing import ComposeFlow
from scorp_ns.run.placing import PlaceFlow
from scorp_ns.run.proposing import ProxyFlow
from scorp_ns.run.requests import Accept, Keep, Regenerate, Reject, Restore, Search, Wish

if TYPE_CHECKING:
    from scorp_ns.model import ScorpModel


class CorrectionFlow:
    """The corrections of one training run. Wishes set what the other flows find when they look for work next."""

    def __init__(self, model: ScorpModel, proxies: ProxyFlow, places: PlaceFlow, composing: ComposeFlow) -> None:
        self.wishes, self.store, self.objects = model.corrections, model.scene_proxies, model.scene_objects
        self.proxies, self.places, self.composing = proxies, places, composing
        self.wishes.is_heard = True

    def carry_out(self) -> None:
        """Do what people asked for since the last time; what cannot be done is answered, and costs nothing else."""
        for wish in self.wishes.take():
            try:
                answer = self._do(wish)
            except ScorpError as error:
                answer = str(error)
            CONSOLE.print(f"As asked for in the viewer: {answer}", markup=False)
            self.wishes.answer(answer)

    @singledispatchmethod
    def _do(self, wish: Wish) -> str:
        raise AssertionError(f"Nobody knows how to do {wish}.")

    @_do.register
    def _accept(self, wish: Accept) -> str:
        self._check_proxy(wish.name)
        self.store.accept(wish.name, wish.T_world_proxy)
        self._compose_again(wish.name)
        return f"The proxy of '{wish.name}' stands where you put it."

    @_do.register
    def _search(self, wish: Search) -> str:
        self._check_proxy(wish.name)
        if wish.T_world_start.is_mirrored:
            raise CorrectionError(
                f"The place given for '{wish.name}' mirrors its proxy.",
                "Only turned, moved and scaled places are searched.",
                "Accept the place as it is, or undo the mirroring.",
            )
        with self.store.keeping_place(wish.name):
            self.store.start_from(wish.name, wish.T_world_start)
            self.places.place()
            reason = self.store.misplaced(wish.name)
        if reason is not None:
            raise CorrectionError(
                f"No place of the proxy of '{wish.name}' was found, near yours or elsewhere. {reason}",
                "It stays as it was before.",
                "Accept your place as it is, if you are sure of it.",
            )
        self._compose_again(wish.name)
        found = self.store.proxy(wish.name).T_world_proxy
        if found is not None and is_near(wish.T_world_start, found):
            return f"The proxy of '{wish.name}' stands in the best place near where you put it."
        return (
            f"Near where you put the proxy of '{wish.name}' no place is to be believed. It was searched for "
            "everywhere, and stands elsewhere now: accept your place as it is, if you are sure of it."
        )

    @_do.register
    def _reject(self, wish: Reject) -> str:
        self._check_name(wish.name)
        self.store.reject(wish.name)
        self.composing.take_back(wish.name)
        return f"'{wish.name}' keeps what was lifted of it."

    @_do.register
    def _restore(self, wish: Restore) -> str:
        self._check_name(wish.name)
        self._compose_again(wish.name)
        return f"'{wish.name}' is put together with its proxy again."

    @_do.register
    def _regenerate(self, wish: Regenerate) -> str:
        self._check_name(wish.name)
        self.proxies.choice.build(wish.generator)
        self.store.makers[wish.name] = wish.generator
        self.proxies.wanted_again.add(wish.name)
        self._compose_again(wish.name)
        return f"The proxy of '{wish.name}' will be made anew by '{wish.generator}'."

    @_do.register
    def _keep(self, wish: Keep) -> str:
        return f"What was done to '{wish.name}' is stored."

    def _compose_again(self, name: str) -> None:
        self.store.restore(name)
        self.composing.wanted_again.add(name)

    def _check_name(self, name: str) -> None:
        if name not in (known := self.objects.names):
            raise CorrectionError(
                f"There is no object '{name}' any more.",
                f"The run has {all_of(known)}." if known else "The run has no objects.",
                "Choose another one.",
            )

    def _check_proxy(self, name: str) -> None:
        self._check_name(name)
        if name not in self.store.names:
            raise CorrectionError(
                f"'{name}' has no proxy.",
                "Only proxies are placed.",
                "Wait until it has one, or choose another generator.",
            )
