"""The methods `ns-train` lists: `scorp`, and `scorp-quick` for a good scene in a couple of minutes on a laptop.

nerfstudio loads this module in every one of its commands: it must stay light, and must not be able to raise.
"""

from __future__ import annotations

from typing import Any

import torch
from nerfstudio.configs.base_config import MachineConfig, ViewerConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.plugins.types import MethodSpecification

from scorp_ns.data.datamanager import ScorpDataManagerConfig
from scorp_ns.host.optimizers import FusedAdamConfig, RunLengthDecayConfig
from scorp_ns.host.patches import prepare_host
from scorp_ns.model import ScorpModelConfig
from scorp_ns.pipeline import ScorpPipelineConfig
from scorp_ns.schedule import ScheduleConfig
from scorp_ns.trainer import ScorpTrainerConfig


def _optimizers(
    means_lr: float = 1.6e-4, means_lr_final: float = 1.6e-6, scales_lr: float = 0.005, colors_lr: float = 0.0025
) -> dict[str, dict[str, Any]]:
    def group(lr: float, lr_final: float | None = None) -> dict[str, Any]:
        scheduler = RunLengthDecayConfig(lr_final=lr_final) if lr_final is not None else None
        return {"optimizer": FusedAdamConfig(lr=lr), "scheduler": scheduler}

    return {
        "means": group(means_lr, means_lr_final),
        "scales": group(scales_lr),
        "quats": group(0.001),
        "features_dc": group(colors_lr),
        "features_rest": group(0.0025 / 20),
        "opacities": group(0.05),
        "places": group(2e-3),
        "camera_opt": group(1e-4, 5e-7),
    }


def _trainer_config(
    method_name: str, num_iterations: int, model: ScorpModelConfig, **options: Any
) -> ScorpTrainerConfig:
    return ScorpTrainerConfig(
        method_name=method_name,
        max_num_iterations=num_iterations,
        steps_per_eval_batch=0,
        pipeline=ScorpPipelineConfig(
            datamanager=ScorpDataManagerConfig(
                dataparser=NerfstudioDataParserConfig(load_3D_points=True), cache_images_type="uint8"
            ),
            model=model,
        ),
        machine=MachineConfig(device_type="cuda" if torch.cuda.is_available() else "cpu"),
        viewer=ViewerConfig(num_rays_per_chunk=1 << 15),
        vis="viewer",
        **options,
    )


prepare_host()

scorp = MethodSpecification(
    config=_trainer_config(
        "scorp",
        30_000,
        ScorpModelConfig(),
        optimizers=_optimizers(),
        steps_per_save=2000,
        steps_per_eval_image=100,
        steps_per_eval_all_images=1000,
    ),
    description="Gaussian scene on any device, at full quality.",
)

scorp_quick = MethodSpecification(
    config=_trainer_config(
        "scorp-quick",
        2000,
        ScorpModelConfig(
            sh_degree=1,
            num_downscales=0,
            fill_views=True,
            free_space_share=0.9,
            cull_alpha_thresh=0.02,
            schedule=ScheduleConfig(
                densify_from=0.05,
                densify_until=0.6,
                densify_every=1 / 40,
                reset_opacity_every=0.25,
                add_sh_degree_every=0.5,
            ),
        ),
        optimizers=_optimizers(means_lr=5e-4, means_lr_final=1e-5, scales_lr=0.01, colors_lr=0.01),
        steps_per_save=500,
        steps_per_eval_image=500,
        steps_per_eval_all_images=0,
    ),
    description="Gaussian scene in a couple of minutes on a laptop without a GPU.",
)
