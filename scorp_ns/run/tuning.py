"""Between the training run and the tuning of proxies' colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerfstudio.utils.rich_utils import CONSOLE

from scorp_ns.errors import ScorpError
from scorp_ns.lift.scene_depths import SceneDepths
from scorp_ns.products import LiftedObject
from scorp_ns.run.lifting import ObjectFlow, capture_to_world, scene_depths
from scorp_ns.stages.tune import tune

if TYPE_CHECKING:
    from scorp_ns.model import ScorpModel
    from scorp_ns.trainer import ScorpTrainer


class TuneFlow:
    """The tuning of proxies in one training run."""

    def __init__(self, model: ScorpModel, trainer: ScorpTrainer, objects: ObjectFlow) -> None:
        self.model, self.objects, self.clock = model, objects, trainer.clock
        self.store = model.scene_proxies

    def tune(self) -> None:
        """Tune the colours of every proxy that has its place, once for each place."""
        names = {name for name in self.store.names if self.store.is_placed(name) and not self.store.is_tried(name)}
        objects = map(self.model.scene_composite.own, self.model.scene_objects.objects())
        waiting = [one for one in objects if one.name in names]
        if waiting:
            with self.clock.stage("tune"):
                depths = scene_depths(self.model, self.objects.datamanager)
                for one in waiting:
                    self._tune_one(one, depths)

    def _tune_one(self, one: LiftedObject, depths: SceneDepths) -> None:
        """Tune one proxy; a failure leaves it in the colours that were generated."""
        to_world, proxy = capture_to_world(self.objects.datamanager), self.store.proxy(one.name)
        with self.clock.of_object(one.name):
            try:
                self.store.tune(one.name, tune(depths, one, proxy, to_world, self.model.config.tune))
            except Exception as error:  # Fields compute with libraries that may raise anything.
                reason = str(error) if isinstance(error, ScorpError) else f"{type(error).__name__}: {error}"
                self.store.leave_untuned(one.name, reason)
                CONSOLE.print(f"The proxy of '{one.name}' keeps its colours. {reason}", style="yellow", markup=False)
