"""The model nerfstudio's tools talk to: it holds the scene's Gaussians, renders and scores them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from gsplat.strategy.ops import remove
from jaxtyping import Bool, Float
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import OrientedBox
from nerfstudio.engine.callbacks import TrainingCallback
from nerfstudio.utils.colors import get_color
from torch import Tensor
from torch.nn import Parameter, ParameterDict

from scorp_ns.cameras import Camera, viewmats_from_camera_to_worlds
from scorp_ns.data.label_maps import LABELS
from scorp_ns.evaluate.metrics import image_metrics, psnr
from scorp_ns.fields.config import FieldConfig
from scorp_ns.fields.union import FieldUnion
from scorp_ns.gaussians.densification import Densification
from scorp_ns.gaussians.filling import fill_views
from scorp_ns.gaussians.free_space import FreeSpace, find_free_space
from scorp_ns.gaussians.seeding import random_points, seed_gaussians
from scorp_ns.gaussians.splats import activated
from scorp_ns.host.checkpoint import check_gaussians
from scorp_ns.host.patches import let_marching_cubes_run_without_cuda
from scorp_ns.host.ray_outputs import outputs_along_rays, straight_rgba
from scorp_ns.model_config import ModelSettings
from scorp_ns.render import Render, render
from scorp_ns.render.photometric import photometric_loss
from scorp_ns.scene.composite import SceneComposite
from scorp_ns.scene.moving_proxies import MovingProxies
from scorp_ns.scene.objects import SceneObjects
from scorp_ns.scene.pose_refinement import PoseRefinement
from scorp_ns.scene.proxies import SceneProxies
from scorp_ns.scene.visible_gaussians import VisibleGaussians
from scorp_ns.schedule import DensificationSteps

ENTIRELY = 0.999
"""A pixel of a shrunk image counts if so much of it was valid."""

VIEWER_BACKGROUND = (0.1490, 0.1647, 0.2157)
"""The viewer's own background, so that an unfilled pixel does not stand out there."""


OtherPicture = Callable[[Cameras], dict[str, Tensor] | None]
"""Renders a camera in the scene's stead; None where the scene itself is to be rendered."""


@dataclass
class ScorpModelConfig(ModelSettings):
    """Settings of the scene, and of all that is made of its objects."""

    _target: type = field(default_factory=lambda: ScorpModel)

    @property
    def sdf_field(self) -> FieldConfig:
        """The settings that `ns-export marching-cubes` looks for; it is made to run here as well."""
        let_marching_cubes_run_without_cuda()
        return self.proxy


class ScorpModel(VisibleGaussians):
    """A Gaussian scene on any device, behind splatfacto's interface."""

    config: ScorpModelConfig

    def populate_modules(self) -> None:
        """Set up the Gaussians, cameras and bookkeeping, without touching the network or a GPU."""
        self.gauss_params = ParameterDict({name: Parameter(value) for name, value in self._seed().items()})
        self.scene_objects = SceneObjects()
        self.scene_proxies = SceneProxies()
        self.scene_composite = SceneComposite()
        self.scene_refinement = PoseRefinement()
        self.moving_proxies = MovingProxies(
            self.scene_objects, self.scene_proxies, self.scene_refinement, lambda: self.scene_before
        )
        self.show = self.config.show
        self.other_picture: OtherPicture = lambda camera: None
        self.camera_optimizer = self.config.camera_optimizer.setup(num_cameras=self.num_train_data, device="cpu")
        self.background_color = (
            torch.tensor(VIEWER_BACKGROUND)
            if self.config.background_color == "random"
            else get_color(self.config.background_color)
        )
        self.crop_box: OrientedBox | None = None
        self.step = 0
        self.active_sh_degree = self.config.sh_degree
        self.training_downscale = 1
        self.strategy_state: dict[str, Any] = {"grad2d": None, "count": None, "radii": None, "scene_scale": 1.0}

    def _seed(self) -> dict[str, Tensor]:
        if self.seed_points is not None and not self.config.random_init:
            points, colors = self.seed_points
            if self.config.fill_views:
                cameras = self._train_cameras
                sizes = torch.cat([cameras.width, cameras.height], dim=1)
                Ks = cameras.get_intrinsics_matrices()
                points, colors = fill_views(points, colors, cameras.camera_to_worlds, Ks, sizes)
        else:
            points = random_points(self._train_cameras.camera_to_worlds, self.config.num_random)
            colors = torch.randint(0, 256, points.shape, dtype=torch.uint8)
        return seed_gaussians(points, colors, sh_degree=self.config.sh_degree)

    @property
    def _train_cameras(self) -> Cameras:
        return self.kwargs["metadata"]["cameras"]

    def begin_training(self, steps: DensificationSteps) -> None:
        """Prepare to densify at the given steps; the state gathered so far, if any, is kept."""
        self.strategy = Densification(
            prune_opa=self.config.cull_alpha_thresh,
            reset_opa=self.config.reset_alpha,
            grow_grad2d=self.config.densify_grad_thresh,
            grow_scale3d=self.config.densify_size_thresh,
            grow_scale2d=self.config.split_screen_size,
            prune_scale3d=self.config.cull_scale_thresh,
            prune_scale2d=self.config.cull_screen_size,
            refine_scale2d_stop_iter=steps.limit_screen_size_until,
            refine_start_iter=steps.start,
            refine_stop_iter=steps.stop,
            reset_every=steps.reset_every,
            refine_every=steps.every,
            pause_refine_after_reset=steps.pause_after_reset,
            absgrad=self.config.use_absgrad,
        )
        self.free_space: FreeSpace | None = None
        if self.config.free_space_share > 0 and self.seed_points is not None and not self.config.random_init:
            origins = self._train_cameras.camera_to_worlds[:, :, 3]
            self.free_space = find_free_space(origins, self.seed_points[0], self.config.free_space_share)

    def densify(self, step: int) -> None:
        """Let the strategy split, duplicate and prune after a backward pass, until the scene is composed."""
        if self.is_frozen:
            return
        with self.scene_objects.following(self.strategy_state) as state:
            self.strategy.step_post_backward(
                params=self.gauss_params,
                optimizers=self.optimizers,
                state=state,
                step=step,
                info=self.info,
                packed=False,
            )

    def clear_free_space(self, step: int) -> None:
        """Remove the Gaussians that hang in the air before the cameras."""
        if self.free_space is None or self.is_frozen:
            return
        is_fog = self.free_space.contains(self.means.detach())
        if is_fog.any() and not is_fog.all():
            with self.scene_objects.following(self.strategy_state) as state:
                remove(params=self.gauss_params, optimizers=self.optimizers, state=state, mask=is_fog)

    @property
    def field(self) -> FieldUnion:
        """The surfaces of all proxies that have their place, as `ns-export marching-cubes` asks for them.

        Those that a person rejected are none of the scene.
        """
        proxies = [one for one in self.scene_proxies.proxies() if one.name not in self.scene_proxies.rejected]
        return FieldUnion([(one.field, one.T_world_proxy) for one in proxies if one.T_world_proxy is not None])

    def get_training_callbacks(self, training_callback_attributes: Any) -> list[TrainingCallback]:
        """None, in place of splatfacto's: the run decides what happens around every iteration."""
        return []

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        """One group per kind of Gaussian parameter, as the strategy needs it, one for places and one for cameras."""
        groups = {name: [parameter] for name, parameter in self.gauss_params.items()}
        groups["places"] = [self.scene_refinement.changes]
        self.camera_optimizer.get_param_groups(param_groups=groups)
        return groups

    def load_state_dict(self, dict: dict[str, Tensor], **kwargs: Any) -> Any:
        """Take over a checkpoint, resizing the Gaussians in place so that whoever holds them keeps them."""
        check_gaussians(dict, self.gauss_params, self.config.sh_degree)
        for name, parameter in self.gauss_params.items():
            parameter.data = torch.empty_like(dict[f"gauss_params.{name}"], device=parameter.device)
        result = torch.nn.Module.load_state_dict(self, dict, **kwargs)
        self.scene_objects.notify()
        return result

    def get_outputs(self, camera: Cameras | RayBundle) -> dict[str, Tensor]:
        """Render one camera: rgb, accumulation, background and, outside training, z depth. Rays get ray depth."""
        if isinstance(camera, RayBundle):
            return outputs_along_rays(self, camera)
        if self.training and self.scene_refinement.is_open:
            with torch.no_grad():
                seen = self._camera(camera)
            return self.moving_proxies.outputs(seen, self._get_background_color())
        outputs, info = self._render(camera, self.shown_parameters())
        if self.training and not self.scene_composite.is_composed:
            self.info = info
            self.strategy.step_pre_backward(self.gauss_params, self.optimizers, self.strategy_state, self.step, info)
        return outputs

    @torch.no_grad()
    def get_outputs_for_camera(self, camera: Cameras, obb_box: OrientedBox | None = None) -> dict[str, Tensor]:
        """Render one camera for a tool; the viewer's threads get the picture that was chosen there."""
        self.set_crop(obb_box)
        camera = camera.to(self.device)
        other = self.other_picture(camera)
        return self.get_outputs(camera) if other is None else other

    def render_parameters(self, camera: Cameras, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        """The outputs of a camera for other Gaussians than those that are to be shown."""
        return self._render(camera, parameters)[0]

    def _render(self, camera: Cameras, parameters: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Any]]:
        seen, background = self._camera(camera), self._get_background_color()
        drawn = self._draw(self._cropped(parameters), seen, background)
        outputs = {"rgb": drawn.colors.clamp(0, 1), "accumulation": drawn.alpha[..., None], "background": background}
        if not self.training:
            outputs["background"] = background.expand(seen.height, seen.width, 3)
            outputs["depth"] = _opaque_depth(drawn.depth[..., None], outputs["accumulation"])
        return outputs, drawn.info

    def _draw(self, parameters: dict[str, Tensor], camera: Camera, background: Float[Tensor, " 3"]) -> Render:
        """The picture of Gaussians, with depths outside of training."""
        degree = self.config.sh_degree
        return render(
            activated(parameters, degree),
            camera,
            "RGB" if self.training else "RGB+ED",
            channels=torch.sigmoid(parameters["features_dc"]) if degree == 0 else None,
            background=background,
            rasterize_mode=self.config.rasterize_mode,
            sh_degree=self.active_sh_degree if self.training else degree,
            absgrad=self.config.use_absgrad and self.training,
        )

    def _camera(self, camera: Cameras) -> Camera:
        """The pinhole camera of what is rendered."""
        assert camera.shape[0] == 1, "Gaussians are rendered one camera at a time"
        viewmat = viewmats_from_camera_to_worlds(self._pose(camera))[0].to(self.device)
        K, width, height = camera.get_intrinsics_matrices()[0].to(self.device), camera.width, camera.height
        return Camera(viewmat, K, int(width), int(height)).downscaled(self._get_downscale_factor())

    def _pose(self, camera: Cameras) -> Float[Tensor, "1 3 4"]:
        """The camera's pose, which training may correct as long as the scene is not composed."""
        if not self.training:
            return camera.camera_to_worlds
        pose = self.camera_optimizer.apply_to_camera(camera)
        return pose.detach() if self.scene_composite.is_composed else pose

    def get_outputs_for_camera_ray_bundle(self, camera_ray_bundle: RayBundle) -> dict[str, Tensor]:
        """Answer the rays of a whole image at once."""
        return outputs_along_rays(self, camera_ray_bundle)

    def get_rgba_image(self, outputs: dict[str, Tensor], output_name: str = "rgb") -> Float[Tensor, "*b 4"]:
        """Colour and opacity of what was rendered, without the background."""
        return straight_rgba(outputs, output_name)

    def _cropped(self, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.crop_box is None or self.training:
            return parameters
        inside = self.crop_box.within(parameters["means"]).reshape(-1)
        return {name: value[inside] for name, value in parameters.items()}

    def _get_downscale_factor(self) -> int:
        return self.training_downscale if self.training else 1

    def get_metrics_dict(self, outputs: dict[str, Tensor], batch: dict[str, Any]) -> dict[str, Any]:
        """PSNR of the batch and the number of Gaussians."""
        with torch.no_grad():
            quality = psnr(outputs["rgb"], self._target(outputs, batch), self._valid_pixels(batch))
        metrics = {"psnr": quality, "gaussian_count": self.num_points}
        self.camera_optimizer.get_metrics_dict(metrics)
        return metrics

    def get_loss_dict(
        self, outputs: dict[str, Tensor], batch: dict[str, Any], metrics_dict: dict[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """L1 and SSIM against the photograph, where its pixels are valid."""
        target = self._target(outputs, batch)
        prediction = outputs["rgb"]
        is_valid = self._valid_pixels(batch)
        if self.training and self.scene_refinement.is_open:
            return self.moving_proxies.losses(outputs, batch.get(LABELS), target, is_valid)
        if is_valid is not None:
            # Both, so that what lies behind the mask has no say in the SSIM windows that reach across its edge.
            prediction, target = prediction * is_valid, target * is_valid
        losses = {"main_loss": photometric_loss(prediction, target, ssim_weight=self.config.ssim_lambda)}
        if self.training and not self.scene_composite.is_composed:
            self.camera_optimizer.get_loss_dict(losses)
            if self.config.use_scale_regularization:
                losses["scale_reg"] = self._needle_penalty()
        return losses

    def _needle_penalty(self) -> Float[Tensor, ""]:
        log_ratio = self.scales.amax(dim=-1) - self.scales.amin(dim=-1)
        return 0.1 * (torch.exp(log_ratio) - self.config.max_gauss_ratio).clamp_min(0).mean()

    def get_image_metrics_and_images(
        self, outputs: dict[str, Tensor], batch: dict[str, Any]
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """Metrics of one evaluation image, and photograph and render side by side."""
        target = self._target(outputs, batch)
        side_by_side = torch.cat([target, outputs["rgb"]], dim=1)
        return image_metrics(outputs["rgb"], target, self._valid_pixels(batch)), {"img": side_by_side}

    def _target(self, outputs: dict[str, Tensor], batch: dict[str, Any]) -> Float[Tensor, "h w 3"]:
        """The photograph at the render's resolution, its transparent parts over the render's background."""
        return self.composite_with_background(self.get_gt_img(batch["image"]), outputs["background"])

    def _valid_pixels(self, batch: dict[str, Any]) -> Bool[Tensor, "h w 1"] | None:
        """The mask of pixels that count: the capture's `mask_path`, at the render's resolution."""
        if "mask" not in batch:
            return None
        return self._downscale_if_required(batch["mask"]).to(self.device) > ENTIRELY


def _opaque_depth(depth: Float[Tensor, "h w 1"], alpha: Float[Tensor, "h w 1"]) -> Float[Tensor, "h w 1"]:
    """Depth with the empty pixels set to the farthest one, so that they do not look near."""
    return torch.where(alpha > 0, depth, depth.max())
