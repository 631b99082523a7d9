"""The pipeline: it owns the model, the run that works on its objects, and the panel in the viewer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nerfstudio.engine.callbacks import TrainingCallback
from nerfstudio.pipelines.base_pipeline import VanillaPipeline, VanillaPipelineConfig
from nerfstudio.utils.rich_utils import CONSOLE
from torch.cuda.amp.grad_scaler import GradScaler

from scorp_ns.data.datamanager import ScorpDataManager, ScorpDataManagerConfig
from scorp_ns.errors import ScorpError
from scorp_ns.model import ScorpModel, ScorpModelConfig
from scorp_ns.model_config import AFTER
from scorp_ns.run.callbacks import training_callbacks
from scorp_ns.run.plugin_stages import stages_with
from scorp_ns.run.run import FOLDER, Run, Training
from scorp_ns.run.stage import STAGES, Stage
from scorp_ns.run.stage_runner import StageRunner
from scorp_ns.viewer.panel import ScorpPanel


@dataclass
class ScorpPipelineConfig(VanillaPipelineConfig):
    """Settings of photographs, of the scene made of them, and of the stages that objects go through."""

    _target: type = field(default_factory=lambda: ScorpPipeline)
    datamanager: ScorpDataManagerConfig = field(default_factory=ScorpDataManagerConfig)
    """Photographs, cameras and masks."""
    model: ScorpModelConfig = field(default_factory=ScorpModelConfig)
    """The scene and its objects."""
    stages: tuple[str, ...] = ()
    """Stages of installed plugins that objects go through besides scorp's own, by name."""
    stage_options: dict[str, str] = field(default_factory=dict)
    """Settings of these stages: pairs of `<stage>.<setting>` and a value."""


class ScorpPipeline(VanillaPipeline):
    """nerfstudio's pipeline, with a run of object stages."""

    config: ScorpPipelineConfig
    datamanager: ScorpDataManager
    model: ScorpModel

    def __init__(
        self,
        config: ScorpPipelineConfig,
        device: str,
        test_mode: str = "val",
        world_size: int = 1,
        local_rank: int = 0,
        grad_scaler: GradScaler | None = None,
    ) -> None:
        super().__init__(config, device, test_mode, world_size, local_rank, grad_scaler)  # type: ignore[arg-type]
        self.run = Run(self.model, self.datamanager)
        self.stages = self._stages(config, is_finished=test_mode != "val")
        self.panel = ScorpPanel(self.run, self.stages)
        self.model.other_picture = self.panel.picture_for_viewer
        self.when_interrupted = lambda step: None
        """Told the iteration at which a person stopped the run."""

    def _stages(self, config: ScorpPipelineConfig, is_finished: bool) -> tuple[Stage, ...]:
        """scorp's stages and those that were chosen; a finished run opens without their packages as well."""
        try:
            return stages_with(config.stages, config.stage_options)
        except ScorpError as error:
            if not is_finished:
                raise
            CONSOLE.print(f"Stages of other packages are left out. {error}", style="yellow", markup=False)
            return STAGES

    def begin_training(self, training: Training) -> list[TrainingCallback]:
        """Set up and check all stages for a training run; what runs between its iterations."""
        self.run.training, self.run.folder = training, training.folder / FOLDER
        self.model.begin_training(training.schedule.densification(self.model.num_train_data))
        self.model.show = AFTER
        runner = StageRunner(self.run, self.stages)
        self.when_interrupted = runner.when_interrupted
        return training_callbacks(self.run, runner)

    def stage_states(self) -> dict[str, dict[str, Any]]:
        """The states that stages keep in checkpoints, by their names."""
        states = {stage.name: stage.state(self.run) for stage in self.stages}
        return {name: state for name, state in states.items() if state is not None}

    def load_stage_states(self, states: dict[str, dict[str, Any]]) -> None:
        """Give stages back what they kept; states of stages that are not in use any more are dropped."""
        for stage in self.stages:
            if stage.name in states:
                stage.load_state(self.run, states[stage.name])

    def load_pipeline(self, loaded_state: dict[str, Any], step: int) -> None:
        """Take over a checkpoint, whose Gaussians and cameras are others than those seen up to now."""
        super().load_pipeline(loaded_state, step)
        self.run.views.forget()
