"""The schedule at work: what happens before and after every training iteration."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.engine.optimizers import Optimizers

from scorp_ns.compose_flow import ComposeFlow
from scorp_ns.correction_flow import CorrectionFlow
from scorp_ns.object_flow import ObjectFlow
from scorp_ns.place_flow import PlaceFlow
from scorp_ns.proxy_flow import ProxyFlow
from scorp_ns.report_flow import ReportFlow
from scorp_ns.schedule import Schedule
from scorp_ns.shown_gaussians import AFTER
from scorp_ns.tune_flow import TuneFlow

if TYPE_CHECKING:
    from scorp_ns.model import ScorpModel
    from scorp_ns.trainer import ScorpTrainer


def training_callbacks(model: ScorpModel, attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
    """Everything that runs between iterations, in the order in which it runs."""
    optimizers = attributes.optimizers
    assert attributes.trainer is not None and optimizers is not None
    schedule = Schedule(model.config.schedule, attributes.trainer.config.max_num_iterations)
    model.begin_training(schedule.densification(model.num_train_data))
    trainer = cast("ScorpTrainer", attributes.trainer)
    objects = ObjectFlow(model, trainer)
    objects.check_masks()
    proxies = ProxyFlow(model, trainer, objects)
    proxies.check_choice()
    places = PlaceFlow(model, trainer, objects)
    places.check_choice()
    tuning = TuneFlow(model, trainer, objects)
    composing = ComposeFlow(model, trainer, objects)
    composing.check_choice()
    corrections = CorrectionFlow(model, proxies, places, composing)
    report = ReportFlow(model, trainer, objects)
    model.show, model.schedule = AFTER, schedule

    def before_iteration(step: int) -> None:
        _set_stage(model, schedule, optimizers, step)

    def after_iteration(step: int) -> None:
        corrections.carry_out()
        if schedule.lifts(step):
            objects.lift()
        if schedule.proposes(step):
            proxies.propose()
        if not schedule.refines(step + 1):
            places.finish_refinement()
        if schedule.places(step):
            placed = places.place()
            if schedule.refines(step + 1):
                places.begin_refinement(placed)
        if schedule.composes(step):
            tuning.tune()
            composing.compose()

    def after_training(step: int) -> None:
        # The host holds its lock around iterations only, and the viewer goes on rendering.
        with trainer.train_lock:
            if model.corrections.waiting:
                after_iteration(step)
            if proxies.wanted_again:
                proxies.propose()
                places.place()
            if composing.wanted_again:
                tuning.tune()
                composing.compose()
        objects.finish()
        proxies.finish()
        composing.finish()
        report.finish()

    return [
        TrainingCallback([TrainingCallbackLocation.BEFORE_TRAIN_ITERATION], before_iteration),
        TrainingCallback([TrainingCallbackLocation.AFTER_TRAIN_ITERATION], model.densify),
        TrainingCallback(
            [TrainingCallbackLocation.AFTER_TRAIN_ITERATION],
            model.clear_free_space,
            update_every_num_iters=schedule.steps(schedule.config.clear_free_space_every),
        ),
        TrainingCallback([TrainingCallbackLocation.AFTER_TRAIN_ITERATION], after_iteration),
        TrainingCallback([TrainingCallbackLocation.AFTER_TRAIN], after_training),
    ]


def _set_stage(model: ScorpModel, schedule: Schedule, optimizers: Optimizers, step: int) -> None:
    """Tell the model what the schedule says of this step; the model itself never compares step numbers."""
    model.step = step
    model.optimizers = optimizers.optimizers
    model.active_sh_degree = schedule.sh_degree(step, model.config.sh_degree)
    model.training_downscale = schedule.downscale_factor(step, model.config.num_downscales)
