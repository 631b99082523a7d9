"""nerfstudio's trainer with checkpoints that continue the very run they were taken from."""

from __future__ import annotations

import time
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackLocation
from nerfstudio.engine.optimizers import Optimizers
from nerfstudio.engine.trainer import Trainer, TrainerConfig
from nerfstudio.pipelines.base_pipeline import VanillaPipelineConfig
from nerfstudio.utils.decorators import check_main_thread
from nerfstudio.utils.rich_utils import CONSOLE

from scorp_ns.errors import CheckpointError, OutputError
from scorp_ns.host.checkpoint import (
    checkpoint_path,
    find_checkpoint,
    random_state,
    read_checkpoint,
    remove_other_checkpoints,
    restore_random_state,
    write_checkpoint,
)
from scorp_ns.host.optimizers import RunLengthDecayConfig
from scorp_ns.host.saved_configs import fill_in_defaults
from scorp_ns.pipeline import ScorpPipeline, ScorpPipelineConfig
from scorp_ns.render.cpu.threads import cores_for_kernels
from scorp_ns.run.run import FOLDER, Training
from scorp_ns.scene.picks import Pick, read_picks
from scorp_ns.schedule import Schedule

LOOK_EVERY_S = 0.05
"""The time between looks of a complete run that stays open at its requests."""


@dataclass
class ScorpTrainerConfig(TrainerConfig):
    """The length of training, and the place of its results. `--max-num-iterations` is the whole run, resumed or not."""

    _target: type = field(default_factory=lambda: ScorpTrainer)
    save_objects: bool = False
    """Write each object's Gaussians, crops, proxy and findings to the run's folder `scorp/<object>`."""
    regenerate: tuple[str, ...] = ()
    """Objects of a resumed run whose proxies are generated anew, whatever is stored of them; `all` for every one."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the settings of a config.yml, which may be of another version."""
        vars(self).update(state)
        if type(self.pipeline) is VanillaPipelineConfig:  # Before there was a pipeline of our own.
            parts = {"datamanager": self.pipeline.datamanager, "model": self.pipeline.model}
            self.pipeline = ScorpPipelineConfig(**cast("dict[str, Any]", parts))
        fill_in_defaults(self)

    def save_config(self) -> None:
        """Write the run's configuration, or say why the output folder cannot be used.

        The step that the run went on from is left out: the host's tools would look for it among the run's own.
        """
        load_step, self.load_step = self.load_step, None
        try:
            super().save_config()
        except OSError as error:
            raise OutputError(
                found=f"The output folder {self.get_base_dir()} cannot be written ({error.strerror or error}).",
                needed="Checkpoints and results go there.",
                do="Choose another place with --output-dir, or mend its permissions.",
            ) from error
        finally:
            self.load_step = load_step


class ScorpTrainer(Trainer):
    """Trains like nerfstudio's trainer; a killed and resumed run ends like one that was never killed."""

    config: ScorpTrainerConfig
    pipeline: ScorpPipeline

    def setup(self, *args: Any, **kwargs: Any) -> None:
        """Set up as nerfstudio does, and continue the random numbers of a resumed run at its first iteration."""
        self._random_state_to_restore: dict[str, Any] | None = None
        super().setup(*args, **kwargs)
        before = [TrainingCallbackLocation.BEFORE_TRAIN_ITERATION]
        first = TrainingCallback(before, self._continue_random_numbers)
        self.callbacks = [first, *self.callbacks, *self.pipeline.begin_training(self._training())]

    def _training(self) -> Training:
        config = self.config
        return Training(
            schedule=Schedule(self.pipeline.model.config.schedule, config.max_num_iterations),
            seed=config.machine.seed,
            experiment=config.experiment_name or "",
            method=config.method_name or "",
            folder=self.base_dir,
            save_objects=config.save_objects,
            optimizers=self.optimizers.optimizers,
            lock=self.train_lock,
            save_checkpoint=self.save_checkpoint,
            regenerate=set(config.regenerate),
            recompose=set(config.regenerate),
            picks=self._picks_of_resumed_run(),
        )

    def _picks_of_resumed_run(self) -> tuple[Pick, ...]:
        """The objects that were picked and saved in a viewer of the run that this one goes on with."""
        if self.config.load_dir is not None:
            has_checkpoints_below = (self.config.load_dir / "nerfstudio_models").is_dir()
            run = self.config.load_dir if has_checkpoints_below else self.config.load_dir.parent
        elif self.config.load_checkpoint is not None:
            run = self.config.load_checkpoint.parent.parent
        else:
            return ()
        known = self.pipeline.model.scene_objects.names
        return tuple(pick for pick in read_picks(run / FOLDER) if pick.name not in known)

    def setup_optimizers(self) -> Optimizers:
        """Optimizers whose learning rates decay over this run, however long it is."""
        configs = deepcopy(self.config.optimizers)
        for group in configs.values():
            if isinstance(group["scheduler"], RunLengthDecayConfig):
                group["scheduler"].max_steps = self.config.max_num_iterations
        return Optimizers(configs, self.pipeline.get_param_groups())

    def train(self) -> None:
        """Train from where the run stands to the end of `max_num_iterations`."""
        num_iterations = self.config.max_num_iterations
        if self._start_step >= num_iterations and self.config.regenerate:
            self.work_on_objects()
            return
        if self._start_step >= num_iterations:
            CONSOLE.print(
                f"This run is complete: it has {self._start_step} of {num_iterations} iterations. "
                "A larger --max-num-iterations trains on, with the whole schedule stretched to that length."
            )
            self._open_complete_run()
            return
        # The host counts what is still to do, the rest of the program the whole run.
        self.config.max_num_iterations = num_iterations - self._start_step
        try:
            with cores_for_kernels() if self.device == "cpu" else nullcontext(), self.pipeline.run.clock.stage("scene"):
                super().train()
        except KeyboardInterrupt:
            if self.training_state != "completed":
                self.pipeline.when_interrupted(self.step)
            raise
        finally:
            self.config.max_num_iterations = num_iterations

    def work_on_objects(self) -> None:
        """Do to the objects of a complete run what is asked for, which is kept or the run fails."""
        step, self.training_state = self._start_step - 1, "completed"
        self._save_dataparser_transform()
        with cores_for_kernels() if self.device == "cpu" else nullcontext():
            for callback in self.callbacks:
                callback.run_callback_at_location(step, TrainingCallbackLocation.AFTER_TRAIN)

    def _open_complete_run(self) -> None:
        """Let people correct a complete run in the viewer, if they asked for one that stays."""
        if self.viewer_state is None or self.config.viewer.quit_on_train_completion:
            return
        self.step = self._start_step - 1
        self.pipeline.model.step = self.step
        self._save_dataparser_transform()
        self._init_viewer_state()
        with cores_for_kernels() if self.device == "cpu" else nullcontext():
            self._train_complete_viewer()

    def _save_dataparser_transform(self) -> None:
        """Write how the capture's frame became that of training, as the host does where it trains."""
        outputs = self.pipeline.datamanager.train_dataparser_outputs
        outputs.save_dataparser_transform(self.base_dir / "dataparser_transforms.json")

    def _train_complete_viewer(self) -> None:
        """Stay for the viewer, and do to the objects of the complete run what people ask for in it."""
        if self.viewer_state is None:
            return
        self.training_state = "completed"
        self.viewer_state.training_complete()
        CONSOLE.print("Use ctrl+c to quit", justify="center")
        while True:
            time.sleep(LOOK_EVERY_S)
            if self.pipeline.run.requests.waiting:
                self.correct_complete_run()

    def correct_complete_run(self) -> None:
        """Carry out what people ask for, and tell them where it cannot be kept."""
        try:
            for callback in self.callbacks:
                callback.run_callback_at_location(self.step, TrainingCallbackLocation.AFTER_TRAIN)
        except CheckpointError as error:
            self.pipeline.run.requests.answer(str(error))

    def _load_checkpoint(self) -> None:
        if self.config.load_dir is not None:
            path = find_checkpoint(self.config.load_dir, self.config.load_step)
        elif self.config.load_checkpoint is not None:
            path = self.config.load_checkpoint
        else:
            return
        state = read_checkpoint(path)
        self._start_step = state["step"] + 1
        self.pipeline.datamanager.load_sampling_state(state["scorp"]["sampling"])
        self.pipeline.load_pipeline(state["pipeline"], state["step"])
        # The optimizers were built for the seed Gaussians; those of the checkpoint have other sizes.
        self.optimizers = self.setup_optimizers()
        self._load_optimizers(state)
        self.grad_scaler.load_state_dict(state["scalers"])
        self.pipeline.model.strategy_state = {
            name: value.to(self.device) if isinstance(value, torch.Tensor) else value
            for name, value in state["scorp"]["strategy"].items()
        }
        self._random_state_to_restore = state["scorp"]["random"]
        self.pipeline.run.clock.load_state(state["scorp"].get("costs", {}), state["scorp"].get("object_costs", {}))
        self.pipeline.load_stage_states(state["scorp"].get("stages", {}))
        CONSOLE.print(f"Continuing at step {self._start_step} from {path}", markup=False)

    def _load_optimizers(self, state: dict[str, Any]) -> None:
        groups, saved_groups = set(self.optimizers.optimizers), set(state["optimizers"])
        if groups != saved_groups:
            raise CheckpointError(
                found=f"The checkpoint trains {sorted(saved_groups)}, this run {sorted(groups)}.",
                needed="A resumed run trains what the first one did.",
                do="Give the options of the first run again, such as --pipeline.model.camera-optimizer.mode.",
            )
        self.optimizers.load_optimizers(state["optimizers"])
        if self.config.load_scheduler:
            self.optimizers.load_schedulers(state["schedulers"])

    def _continue_random_numbers(self, step: int) -> None:
        if self._random_state_to_restore is not None:
            restore_random_state(self._random_state_to_restore)
            self._random_state_to_restore = None

    @check_main_thread
    def save_checkpoint(self, step: int) -> None:
        """Write all that decides how the run goes on; a failure costs this checkpoint, or the last one the run."""
        path = checkpoint_path(self.checkpoint_dir, step)
        # What people do in the viewer comes before or after, and makes new tensors.
        with self.train_lock:
            state = self.state(step)
        try:
            write_checkpoint(state, path)
        except CheckpointError as error:
            if self.training_state == "completed":
                raise
            CONSOLE.print(f"{error} Training goes on.", style="bold yellow", markup=False)
            return
        if self.config.save_only_latest_checkpoint:
            remove_other_checkpoints(path)

    def state(self, step: int) -> dict[str, Any]:
        """All that decides how the run goes on."""
        to_world, clock = self.pipeline.datamanager.capture_to_world, self.pipeline.run.clock
        return {
            "step": step,
            "pipeline": self.pipeline.state_dict(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.optimizers.items()},
            "schedulers": {name: scheduler.state_dict() for name, scheduler in self.optimizers.schedulers.items()},
            "scalers": self.grad_scaler.state_dict(),
            "scorp": {
                "strategy": dict(self.pipeline.model.strategy_state),
                "sampling": self.pipeline.datamanager.sampling_state(),
                "random": random_state(),
                "costs": clock.state(),
                "object_costs": deepcopy(clock.of_objects),
                "stages": self.pipeline.stage_states(),
                "capture_to_world": (to_world.rotation, to_world.translation, to_world.scale),
            },
        }
