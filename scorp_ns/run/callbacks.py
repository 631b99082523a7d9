"""The schedule at work: what happens before and after every training iteration."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.engine.optimizers import Optimizers

from scorp_ns.model_config import AFTER
from scorp_ns.run.composing import ComposeFlow
from scorp_ns.run.corrections import CorrectionFlow
from scorp_ns.run.lifting import ObjectFlow
from scorp_ns.run.placing import PlaceFlow
from scorp_ns.run.proposing import ProxyFlow
from scorp_ns.run.reporting import ReportFlow
from scorp_ns.run.tuning import TuneFlow
from scorp_ns.schedule import Schedule

if TYPE_CHECKING:
    from scorp_ns.model import ScorpModel
    from scorp_ns.trainer import ScorpTrainer


def training_callbacks(model: ScorpModel, attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
    """Everything that runs between iterations, in the order in which it runs."""
    assert attributes.trainer is not None and attributes.optimizers is not None
    optimizers, trainer = attributes.optimizers, cast("ScorpTrainer", attributes.trainer)
    schedule = Schedule(model.config.schedule, trainer.config.max_num_iterations)
    model.begin_training(schedule.densification(model.num_train_data))
    course = ObjectCourse(model, trainer, schedule)
    trainer.when_interrupted = course.when_interrupted
    model.show, model.schedule = AFTER, schedule

    def before_iteration(step: int) -> None:
        _set_stage(model, schedule, optimizers, step)

    after = [TrainingCallbackLocation.AFTER_TRAIN_ITERATION]
    clear_every = schedule.steps(schedule.config.clear_free_space_every)
    return [
        TrainingCallback([TrainingCallbackLocation.BEFORE_TRAIN_ITERATION], before_iteration),
        TrainingCallback(after, model.densify),
        TrainingCallback(after, model.clear_free_space, update_every_num_iters=clear_every),
        TrainingCallback(after, course.after_iteration),
        TrainingCallback([TrainingCallbackLocation.AFTER_TRAIN], course.after_training),
    ]


class ObjectCourse:
    """What becomes of objects in the course of one training run, stage by stage."""

    def __init__(self, model: ScorpModel, trainer: ScorpTrainer, schedule: Schedule) -> None:
        self.model, self.schedule, self.lock = model, schedule, trainer.train_lock
        self.save_checkpoint = trainer.save_checkpoint
        self.objects = ObjectFlow(model, trainer)
        self.objects.check_masks()
        self.proxies = ProxyFlow(model, trainer, self.objects)
        self.proxies.check_choice()
        self.places = PlaceFlow(model, trainer, self.objects)
        self.places.check_choice()
        self.tuning = TuneFlow(model, trainer, self.objects)
        self.composing = ComposeFlow(model, trainer, self.objects)
        self.composing.check_choice()
        self.corrections = CorrectionFlow(model, self.proxies, self.places, self.composing)
        self.report = ReportFlow(model, trainer, self.objects)

    def after_iteration(self, step: int) -> None:
        """Do what people ask for, and every stage whose time has come."""
        schedule = self.schedule
        self.corrections.carry_out()
        if schedule.lifts(step):
            self.objects.lift()
        if schedule.proposes(step):
            self.proxies.propose()
        if not schedule.refines(step + 1):
            self.places.finish_refinement()
        if schedule.places(step):
            placed = self.places.place()
            if schedule.refines(step + 1):
                self.places.begin_refinement(placed)
        if schedule.composes(step):
            self._compose()

    def after_training(self, step: int) -> None:
        """Do what is still asked for and keep that, and write what became of the objects."""
        # The host holds its lock around iterations only, and the viewer goes on.
        with self.lock:
            has_wishes = bool(self.model.corrections.waiting)
            is_asked = has_wishes or bool(self.proxies.wanted_again or self.composing.wanted_again)
            if has_wishes:
                self.after_iteration(step)
            if self.proxies.wanted_again:
                self.proxies.propose()
                self.places.place()
            if self.composing.wanted_again and self.schedule.composes(step):
                self._compose()
        try:
            if is_asked:
                self.save_checkpoint(step)
        finally:
            with self.lock:
                for flow in (self.objects, self.proxies, self.composing, self.report):
                    flow.finish()

    def when_interrupted(self, step: int) -> None:
        """Write what became of the objects until somebody stopped the run, if there are any yet."""
        store = self.model.scene_objects
        if store.names or store.failures:
            self.report.finish_early(step)

    def _compose(self) -> None:
        self.tuning.tune()
        self.composing.compose()


def _set_stage(model: ScorpModel, schedule: Schedule, optimizers: Optimizers, step: int) -> None:
    """Tell the model what the schedule says of this step; the model itself never compares step numbers."""
    model.step = step
    model.optimizers = optimizers.optimizers
    model.active_sh_degree = schedule.sh_degree(step, model.config.sh_degree)
    model.training_downscale = schedule.downscale_factor(step, model.config.num_downscales)
    # Single photographs pull places to and fro: steps that become smaller end in between.
    for group in optimizers.optimizers["places"].param_groups:
        group["lr"] = group.setdefault("initial_lr", group["lr"]) * schedule.refinement_left(step)
