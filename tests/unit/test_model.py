"""The model behind nerfstudio's interface, on its own."""

from __future__ import annotations

import pytest
import torch
from ball_proxies import BALL_RADIUS, ball_proxy
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.scene_box import SceneBox

from scorp_ns.errors import CheckpointError, OutputError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.model import ScorpModel, ScorpModelConfig
from scorp_ns.schedule import Schedule

WIDTH, HEIGHT = 33, 25


@pytest.fixture
def camera() -> Cameras:
    pose = torch.eye(4)[None, :3].clone()
    pose[0, 2, 3] = 2.0
    return Cameras(pose, fx=30.0, fy=30.0, cx=WIDTH / 2, cy=HEIGHT / 2, width=WIDTH, height=HEIGHT)


def make_model(camera: Cameras, **options) -> ScorpModel:
    torch.manual_seed(0)
    points, colors = torch.randn(60, 3) * 0.3, torch.randint(0, 256, (60, 3), dtype=torch.uint8)
    return ScorpModelConfig(**options).setup(
        scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])),
        num_train_data=1,
        metadata={"cameras": camera},
        seed_points=(points, colors),
    )


def begin(model: ScorpModel) -> None:
    """What the callbacks do before an iteration."""
    model.begin_training(Schedule(model.config.schedule, 100).densification(1))
    model.optimizers = {name: torch.optim.Adam([value], 1e-3) for name, value in model.gauss_params.items()}
    model.train()


def test_invalid_pixels_change_neither_loss_nor_metrics(camera: Cameras):
    model = make_model(camera)
    begin(model)
    outputs = model.get_outputs(camera)
    mask = torch.ones(HEIGHT, WIDTH, 1, dtype=torch.bool)
    mask[:, :10] = False
    image = torch.rand(HEIGHT, WIDTH, 3)
    painted_over = torch.where(mask, image, 0.0)
    batches = [{"image": pixels, "mask": mask} for pixels in (image, painted_over)]
    losses = [model.get_loss_dict(outputs, batch)["main_loss"] for batch in batches]
    metrics = [model.get_metrics_dict(outputs, batch)["psnr"] for batch in batches]
    assert losses[0].item() == pytest.approx(losses[1].item(), abs=1e-6)
    assert metrics[0].item() == pytest.approx(metrics[1].item(), abs=1e-4)


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_training_at_a_lower_resolution_fits_odd_images_and_masks(camera: Cameras, factor: int):
    model = make_model(camera)
    begin(model)
    model.training_downscale = factor
    outputs = model.get_outputs(camera)
    batch = {"image": torch.rand(HEIGHT, WIDTH, 3), "mask": torch.ones(HEIGHT, WIDTH, 1, dtype=torch.bool)}
    assert outputs["rgb"].shape == (HEIGHT // factor, WIDTH // factor, 3)
    model.get_loss_dict(outputs, batch)["main_loss"].backward()
    assert model.means.grad.abs().sum() > 0


@pytest.mark.parametrize("sh_degree", [0, 3])
def test_evaluation_gives_colour_opacity_and_depth(camera: Cameras, sh_degree: int):
    model = make_model(camera, sh_degree=sh_degree).eval()
    outputs = model.get_outputs_for_camera(camera)
    assert {name: tuple(image.shape) for name, image in outputs.items()} == {
        "rgb": (HEIGHT, WIDTH, 3),
        "accumulation": (HEIGHT, WIDTH, 1),
        "background": (HEIGHT, WIDTH, 3),
        "depth": (HEIGHT, WIDTH, 1),
    }
    seen = outputs["accumulation"] > 0.5
    assert seen.any() and ((outputs["depth"][seen] > 0.5) & (outputs["depth"][seen] < 3.5)).all()


def test_a_checkpoint_of_another_size_resizes_the_parameters_in_place(camera: Cameras):
    model, larger = make_model(camera), make_model(camera)
    for name, value in larger.gauss_params.items():
        larger.gauss_params[name] = torch.nn.Parameter(torch.cat([value, value]))
    parameters = dict(model.gauss_params.items())
    model.load_state_dict(larger.state_dict())
    assert all(model.gauss_params[name] is parameter for name, parameter in parameters.items())
    assert torch.equal(model.means, larger.means)


def test_a_checkpoint_without_gaussians_is_refused(camera: Cameras):
    with pytest.raises(CheckpointError, match="has no Gaussian parameters"):
        make_model(camera).load_state_dict({"field.weight": torch.zeros(1)})


def test_fog_before_the_camera_is_cleared_and_the_rest_stays(camera: Cameras):
    model = make_model(camera, free_space_share=0.9)
    begin(model)
    with torch.no_grad():
        model.means[:5] = camera.camera_to_worlds[0, :, 3] - torch.tensor([0.0, 0.0, 0.2])
    rest = model.means[5:].detach().clone()
    model.clear_free_space(step=0)
    assert torch.equal(model.means, rest)
    assert model.optimizers["means"].param_groups[0]["params"][0] is model.means


def test_a_scene_without_proxies_has_no_signed_distance(camera: Cameras):
    model = make_model(camera)
    with pytest.raises(OutputError, match="No proxy is placed"):
        model.field.forward_geonetwork(torch.zeros(3, 3))


def test_the_surfaces_of_placed_proxies_are_the_models_field(camera: Cameras):
    model = make_model(camera)
    place = Similarity(torch.eye(3).double(), torch.tensor([1.0, 0.0, 0.0]).double(), 2.0)
    model.scene_proxies.take(ball_proxy("placed", place), seconds=0.0)
    model.scene_proxies.take(ball_proxy("unplaced"), seconds=0.0)
    elsewhere = Similarity(torch.eye(3).double(), torch.tensor([0.0, 0.0, 0.0]).double(), 1.0)
    model.scene_proxies.take(ball_proxy("rejected", elsewhere), seconds=0.0)
    model.scene_proxies.reject("rejected")
    points = torch.tensor([[1.0, 0.0, 0.0], [1.0 + 2 * BALL_RADIUS, 0.0, 0.0], [0.0, 0.0, 0.0]])
    inside, surface, outside = model.field.forward_geonetwork(points)[:, 0].tolist()
    assert inside == pytest.approx(-2 * BALL_RADIUS, rel=0.1)
    assert surface == pytest.approx(0, abs=0.03)
    assert outside == pytest.approx(1 - 2 * BALL_RADIUS, rel=0.1)
