"""Between the training run and the composing of its objects: which are put together with proxies, what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from nerfstudio.utils.rich_utils import CONSOLE
from rich.markup import escape
from rich.table import Table

from scorp_ns.errors import ScorpError
from scorp_ns.gaussians.splats import parameters_from_gaussians
from scorp_ns.gaussians.surgery import append_rows, keep_rows
from scorp_ns.messages import all_of, did_you_mean
from scorp_ns.model_config import AFTER, BEFORE, OBJECTS
from scorp_ns.plugins.generators import ALL
from scorp_ns.products import ComposedObject, LiftedObject
from scorp_ns.run.lifting import ObjectFlow, capture_to_world, scene_depths
from scorp_ns.scene.composite import SceneComposite
from scorp_ns.stages.compose import compose

if TYPE_CHECKING:
    from scorp_ns.model import ScorpModel
    from scorp_ns.trainer import ScorpTrainer


class ComposeFlow:
    """The composing of objects in one training run."""

    def __init__(self, model: ScorpModel, trainer: ScorpTrainer, objects: ObjectFlow) -> None:
        self.model, self.objects, self.clock = model, objects, trainer.clock
        self.optimizers = trainer.optimizers.optimizers
        self.store = model.scene_composite
        self.wanted_again = set(trainer.config.regenerate)
        """Names of objects that are composed again, as their proxies are made anew or stand elsewhere."""

    def check_choice(self) -> None:
        """Look up what is to be shown, so that a mistake shows before training."""
        masked, show = [info.name for info in self.objects.lifting.masked_objects], self.model.config.show
        names = list(dict.fromkeys([*masked, *self.model.scene_objects.names]))
        if show not in (AFTER, BEFORE, OBJECTS, *names):
            known = f"the capture has {all_of(names)}" if names else "the capture has none"
            raise ScorpError(
                f"--pipeline.model.show is '{show}'.",
                f"It can be {AFTER}, {BEFORE}, {OBJECTS} or the name of an object; {known}.",
                did_you_mean([show], [AFTER, BEFORE, OBJECTS, *names]),
            )

    def compose(self) -> None:
        """Put the objects together with their proxies that are not yet, or whose proxies are new."""
        waiting = self._waiting()
        self.wanted_again = set()
        if waiting:
            with self.clock.stage("compose"):
                self._compose(waiting)

    def _waiting(self) -> list[LiftedObject]:
        """The objects that have a proxy with a place, and are not composed with it."""
        if self.model.config.compose.mode == "keep":
            return []
        proxies, again = self.model.scene_proxies, self.wanted_again
        tried = {name for name in (*self.store.names, *self.store.failures) if not again & {name, ALL}}
        wanted = {*proxies.names} - tried - proxies.rejected
        return [one for one in self.model.scene_objects.objects() if one.name in wanted]

    def _compose(self, waiting: list[LiftedObject]) -> None:
        to_world = capture_to_world(self.objects.datamanager)
        depths, config = scene_depths(self.model, self.objects.datamanager), self.model.config.compose
        store = self.model.scene_objects
        faint = torch.nonzero((store.labels == 0) & (store.visibility < config.haze_seen))[:, 0]
        made, failed = [], {}
        for one in waiting:
            try:
                own = self.store.own(one)
                proxy = self.model.scene_proxies.proxy(one.name)
                with self.clock.of_object(one.name):
                    made.append((one, compose(depths, own, proxy, to_world, config, faint)))
            except ScorpError as error:
                failed[one.name] = str(error)
        for name, reason in failed.items():
            self.take_back(name)
            self.store.fail(name, reason)
        for one, composed in made:
            self.take_back(one.name)
            self._insert(one.name, composed)

    def _insert(self, name: str, composed: ComposedObject) -> None:
        """Append what fills an object to the scene's Gaussians."""
        model = self.model
        (one,) = (one for one in model.scene_objects.objects() if one.name == name)
        rows = parameters_from_gaussians(composed.fill, model.config.sh_degree)
        with model.scene_objects.following(model.strategy_state) as state:
            append_rows(model.gauss_params, self.optimizers, state, rows)
        self.store.take(one, composed, dict(model.gauss_params.items()))
        model.scene_objects.adopt(one.label, composed.seen.float())

    def take_back(self, name: str) -> None:
        """Remove what filled an object, if it is composed, and show again what that replaced."""
        if name not in self.store.names:
            return
        model = self.model
        (one,) = (one for one in model.scene_objects.objects() if one.name == name)
        kept = self.store.forget(one)
        with model.scene_objects.following(model.strategy_state) as state:
            keep_rows(model.gauss_params, self.optimizers, state, kept)
        model.scene_objects.tell()

    def finish(self) -> None:
        """At the end of the run: tell what became of the objects."""
        if self.store.names or self.store.failures:
            CONSOLE.print(_table(self.store))


def _table(store: SceneComposite) -> Table:
    """What every object is made of, for the terminal."""
    table = Table(
        "object",
        "kept",
        "left out",
        "from its proxy",
        "proxy seen",
        "proxy denied (less is better)",
        title="Composed objects",
    )
    for name in store.names:
        facts = store.facts(name)
        table.add_row(
            escape(name),
            *(str(facts[what]) for what in ("kept", "dropped", "filled")),
            *(f"{facts['evidence'][what]:.0%}" for what in ("seen", "denied")),
        )
    for name, reason in store.failures.items():
        table.add_row(escape(name), f"[yellow]as it was lifted: {escape(reason)}")
    return table
