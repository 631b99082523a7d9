"""Between the training run and the search for where proxies belong."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import torch
from nerfstudio.utils.rich_utils import CONSOLE
from rich.markup import escape
from rich.progress import Progress

from scorp_ns.errors import PlacingError, ScorpError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.generate.generator import Work
from scorp_ns.host.progress_bar import progress_bar
from scorp_ns.lift.scene_depths import SceneDepths
from scorp_ns.pose.refinement import MovingProxy
from scorp_ns.products import LiftedObject, ObjectInfo, ProxyRequest
from scorp_ns.run.lifting import ObjectFlow, capture_to_world, scene_depths
from scorp_ns.scene.proxies import PERSON
from scorp_ns.stages.mend import mend
from scorp_ns.stages.place import FeatureMatching, place
from scorp_ns.stages.propose import request_proxy
from scorp_ns.stages.refine import choose_place

if TYPE_CHECKING:
    from scorp_ns.model import ScorpModel
    from scorp_ns.trainer import ScorpTrainer


class PlaceFlow:
    """The placing of proxies in one training run."""

    def __init__(self, model: ScorpModel, trainer: ScorpTrainer, objects: ObjectFlow) -> None:
        self.model, self.objects, self.clock = model, objects, trainer.clock
        self.store, self.optimizers = model.scene_proxies, trainer.optimizers.optimizers
        self.seed = trainer.config.machine.seed

    def check_choice(self) -> None:
        """Build the matcher that is chosen, so that mistakes show before training."""
        if self.objects.lifting.masked_objects or self.model.scene_objects.names:
            self.model.config.matcher.build()

    def place(self) -> set[str]:
        """Find the place of every proxy that has none and was not searched for in vain; the names of those found."""
        names = self._unplaced()
        if names:
            with self.clock.stage("place"):
                self._place(self._objects(names))
        return {name for name in names if self.store.is_placed(name)}

    def _objects(self, names: Collection[str]) -> list[LiftedObject]:
        objects = map(self.model.scene_composite.own, self.model.scene_objects.objects())
        return [one for one in objects if one.name in names]

    def begin_refinement(self, names: Collection[str]) -> None:
        """Let the places of these proxies learn in the iterations that come, in which all else is frozen."""
        if not names or self.model.scene_composite.is_composed:
            return
        self.finish_refinement()
        places = {name: self.store.proxy(name).T_world_proxy for name in self.store.names if name in names}
        self.model.scene_refinement.begin({name: place for name, place in places.items() if place is not None})
        self._start_over()

    def finish_refinement(self) -> None:
        """Keep what places have learned where the search's own measure likes it better, and let them learn no more."""
        refinement = self.model.scene_refinement
        if not refinement.is_open:
            return
        with self.clock.stage("place"):
            scene = scene_depths(self.model, self.objects.datamanager)
            for one in self._objects(refinement.names):
                self._finish_one(one, scene)
        refinement.end()
        self._start_over()

    def _start_over(self) -> None:
        """Forget what was remembered of places that learned before."""
        self.optimizers["places"].state.clear()
        self.model.place_refinement.forget()

    def _finish_one(self, one: LiftedObject, scene: SceneDepths) -> None:
        """Keep the better place of one proxy, unless somebody has moved it meanwhile."""
        refinement, store = self.model.scene_refinement, self.store
        start = refinement.start(one.name)
        found = store.proxy(one.name).T_world_proxy if one.name in store.names else None
        if found is None or not torch.equal(found.matrix, start.matrix) or store.accepted_by(one.name):
            return
        if refinement.is_lost(one.name):
            self.objects.warn(
                f"The place of the proxy of '{one.name}' stays as it was found: what it learned from photographs came "
                "to no place. A smaller --optimizers.places.optimizer.lr may help."
            )
            return
        moved = MovingProxy.at(one.label, store.proxy(one.name).gaussians, start).place(refinement.change(one.name))
        to_world = capture_to_world(self.objects.datamanager)
        request = request_proxy(scene, one, ObjectInfo(one.name), (), to_world, self.seed)
        refined = choose_place(store.proxy(one.name), request, to_world, moved, self.model.config.place)
        if refined is None:
            return
        facts = {"cost_found": refined.cost_before, "cost_refined": refined.cost_after}
        store.settle(one.name, refined.T_world_proxy, {**store.confidence(one.name), **facts})
        CONSOLE.print(
            f"The place of the proxy of '{one.name}' {'was refined' if refined.is_taken else 'stays as it was found'}: "
            f"photographs disagree by {refined.cost_before:.4f} with what was found, "
            f"and by {refined.cost_after:.4f} with what was learned.",
            markup=False,
        )

    def _unplaced(self) -> set[str]:
        store = self.store
        open_names = {*store.names} - store.rejected
        return {name for name in open_names if not store.is_placed(name) and store.misplaced(name) is None}

    def _place(self, waiting: Sequence[LiftedObject]) -> None:
        depths = scene_depths(self.model, self.objects.datamanager)
        matching = self._matching()
        with progress_bar() as progress:
            for one in waiting:
                self._place_one(one, depths, matching, progress)

    def _matching(self) -> FeatureMatching | None:
        """The matcher that is chosen, if there is one and it can be had."""
        choice = self.model.config.matcher
        try:
            matcher = choice.build()
        except ScorpError as error:
            self.objects.warn(f"Proxies are placed without matches. {error}")
            return None
        return None if matcher is None else FeatureMatching(matcher, choice.matching)

    def _place_one(
        self, one: LiftedObject, depths: SceneDepths, matching: FeatureMatching | None, progress: Progress
    ) -> None:
        """Place one proxy; a failure is remembered, and costs this object only."""
        task = progress.add_task(f"Placing {escape(one.name)}", total=1)

        def report(share: float | None, text: str) -> None:
            progress.update(task, completed=share, description=f"Placing {escape(one.name)}: {escape(text)}")

        to_world = capture_to_world(self.objects.datamanager)
        request = request_proxy(depths, one, ObjectInfo(one.name), (), to_world, self.seed)
        with self.clock.of_object(one.name), self.store.at_work(one.name, report, self.objects.warn) as work:
            try:
                proxy = self.store.proxy(one.name)
                told_by_person = self.store.started_by(one.name) == PERSON
                found = place(proxy, request, to_world, self.model.config.place, work, matching, told_by_person)
                self.store.settle(one.name, found.T_world_proxy, found.confidence)
                self._mend(one.name, request, to_world, work)
            except PlacingError as error:
                self.store.give_up(one.name, str(error), error.confidence, error.T_world_refused)
            except ScorpError as error:
                self.store.give_up(one.name, str(error), {}, None)
        progress.remove_task(task)

    def _mend(self, name: str, request: ProxyRequest, to_world: Similarity, work: Work) -> None:
        """Mend the shape of a proxy that has its place; a failure costs the new shape only."""
        config = self.model.config.place
        try:
            mended = mend(self.store.proxy(name), request, to_world, config.shape, config.seed, work)
        except ScorpError as error:
            self.objects.warn(f"The proxy of '{name}' keeps its shape. {error}")
            return
        if mended is not None and mended.T_world_proxy is not None:
            self.store.reshape(mended)
            self.store.settle(name, mended.T_world_proxy, self.store.confidence(name))
