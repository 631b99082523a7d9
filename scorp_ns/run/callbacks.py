"""The schedule at work: all that happens before and after every training iteration."""

from __future__ import annotations

from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackLocation

from scorp_ns.run.run import Run
from scorp_ns.run.stage_runner import StageRunner


def training_callbacks(run: Run, runner: StageRunner) -> list[TrainingCallback]:
    """Everything that runs between iterations, in the order in which it runs."""
    model, schedule = run.model, run.in_training.schedule

    def before_iteration(step: int) -> None:
        _set_step(run, step)
        runner.before_iteration()

    after = [TrainingCallbackLocation.AFTER_TRAIN_ITERATION]
    clear_every = schedule.steps(schedule.config.clear_free_space_every)
    return [
        TrainingCallback([TrainingCallbackLocation.BEFORE_TRAIN_ITERATION], before_iteration),
        TrainingCallback(after, model.densify),
        TrainingCallback(after, model.clear_free_space, update_every_num_iters=clear_every),
        TrainingCallback(after, runner.after_iteration),
        TrainingCallback([TrainingCallbackLocation.AFTER_TRAIN], runner.after_training),
    ]


def _set_step(run: Run, step: int) -> None:
    """Tell the model what the schedule says of this step; the model itself never compares step numbers."""
    model, schedule, optimizers = run.model, run.in_training.schedule, run.in_training.optimizers
    model.step, model.optimizers = step, dict(optimizers)
    model.active_sh_degree = schedule.sh_degree(step, model.config.sh_degree)
    model.training_downscale = schedule.downscale_factor(step, model.config.num_downscales)
    # Single photographs pull poses to and fro: steps that become smaller end in between.
    for group in optimizers["places"].param_groups:
        group["lr"] = group.setdefault("initial_lr", group["lr"]) * schedule.refinement_left(step)
