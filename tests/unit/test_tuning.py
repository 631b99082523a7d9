"""Tuned colours match the photographs where these look, fade out beside it, and leave the gamut nowhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from ball_proxies import ball_proxy

from scorp_ns.appearance.config import TuneConfig
from scorp_ns.appearance.exposure import fit_gains, mean_colors
from scorp_ns.appearance.residual import fit_residual, photographic_error, spread_residual
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import BACKGROUND, OCCLUDER, VISIBLE, ObjectCrop
from scorp_ns.render.rasterization import rasterization

SIDE, DISTANCE, RADIUS = 64, 3.0, 0.5
CONFIG = TuneConfig(iterations=60)


def ball(number: int = 3000) -> tuple[Gaussians, torch.Tensor]:
    """Small Gaussians on a ball, and the ball's normals there."""
    steps = torch.arange(number) + 0.5
    height, angle = 1 - 2 * steps / number, steps * math.pi * (3 - math.sqrt(5))
    across = (1 - height**2).sqrt()
    normals = torch.stack([across * angle.cos(), across * angle.sin(), height], dim=1)
    return Gaussians(
        means=RADIUS * normals,
        quats=torch.tensor([[1.0, 0, 0, 0]]).repeat(number, 1),
        scales=torch.full((number, 3), 0.012),
        opacities=torch.full((number,), 0.95),
        harmonics=torch.zeros(number, 1, 3),
    ), normals


def stripes(points: torch.Tensor) -> torch.Tensor:
    """What the photographed ball is painted with."""
    bright = (torch.sin(14 * points[:, 2]) > 0).float()[:, None]
    return bright * torch.tensor([0.8, 0.7, 0.2]) + (1 - bright) * torch.tensor([0.1, 0.3, 0.6])


def camera(angle: float) -> torch.Tensor:
    """A camera that looks at the ball from this side of the plane z = 0."""
    forward = -torch.tensor([math.cos(angle), math.sin(angle), 0.0])
    down = torch.tensor([0.0, 0.0, -1.0])
    rotation = torch.stack([torch.linalg.cross(down, forward), down, forward])
    viewmat = torch.eye(4)
    viewmat[:3, :3], viewmat[:3, 3] = rotation, torch.tensor([0, 0, DISTANCE])
    return viewmat


def photograph(angle: float, gain: float = 1.0) -> ObjectCrop:
    """The painted ball before black, seen from one side."""
    surface, _ = ball()
    viewmat, K = camera(angle), torch.tensor([[140.0, 0, 32], [0, 140.0, 32], [0, 0, 1]])
    image, alpha, _ = rasterization(
        surface.means, surface.quats, surface.scales, surface.opacities, gain * stripes(surface.means),
        viewmat[None], K[None], SIDE, SIDE,
    )  # fmt: skip
    roles = np.where(alpha[0, ..., 0].numpy() > 0.5, VISIBLE, BACKGROUND).astype(np.uint8)
    picture = (255 * image[0].clamp(0, 1)).round().to(torch.uint8).numpy()
    return ObjectCrop(str(angle), picture, roles, np.full((SIDE, SIDE), np.inf, np.float32), viewmat, K)


def seen_from(angles: list[float], normals: torch.Tensor) -> torch.Tensor:
    """1 where a camera looks at the ball well, 0 elsewhere."""
    cosines = [normals @ torch.tensor([math.cos(angle), math.sin(angle), 0.0]) for angle in angles]
    return (torch.stack(cosines).amax(dim=0) > 0.4).float()


def fitted(
    angles: list[float], **changes
) -> tuple[Gaussians, torch.Tensor, torch.Tensor, list[ObjectCrop], torch.Tensor]:
    surface, normals = ball()
    trust = 0.8 * seen_from(angles, normals)
    grey = torch.full((len(surface), 3), 0.5)
    sights = [photograph(angle) for angle in angles]
    gains = torch.ones(len(sights), 3)
    given = {"observed": grey, "trust": trust, "sights": sights} | changes
    return surface, grey, trust, sights, fit_residual(surface, grey, gains=gains, config=CONFIG, **given)


def test_the_seen_side_takes_on_what_is_photographed():
    angles = [-0.6, 0.0, 0.6]
    surface, grey, trust, _, residual = fitted(angles)
    held_out, gain = [photograph(0.3)], torch.ones(1, 3)
    before = photographic_error(surface, grey, held_out, gain)
    # What is at the rim of the held-out view was seen at a slant or not at all.
    assert photographic_error(surface, grey + residual, held_out, gain) < 0.35 * before
    assert not residual[trust == 0].any()
    assert bool(((grey + residual >= 0) & (grey + residual <= 1)).all())


def test_what_somebody_else_hides_has_no_say():
    sights = [photograph(0.0)]
    hidden = [
        ObjectCrop(one.name, one.photograph, np.full_like(one.trimap, OCCLUDER), one.depth, one.viewmat, one.K)
        for one in sights
    ]
    *_, residual = fitted([0.0], sights=hidden)
    assert not residual.any()


def test_exposures_are_told_from_colours():
    generator = torch.Generator().manual_seed(0)
    truth = 0.2 + 0.4 * torch.rand(400, 3, generator=generator)
    gains = torch.tensor([[0.8, 0.8, 0.8], [1.0, 1.0, 1.0], [1.25, 1.25, 1.25]])
    weights = (torch.rand(3, 400, generator=generator) > 0.3).float()
    colors = truth * gains[:, None]
    found = fit_gains(colors, weights)
    assert torch.allclose(found, gains, rtol=0.02)
    seen = weights.sum(dim=0) > 0
    assert torch.allclose(mean_colors(colors, weights, found)[seen], truth[seen], atol=0.02)


def test_a_photograph_that_sees_next_to_nothing_is_believed():
    weights = torch.zeros(2, 400)
    weights[0], weights[1, :5] = 1, 1
    colors = torch.full((2, 400, 3), 0.4)
    colors[1] = 0.8
    assert torch.equal(fit_gains(colors, weights), torch.ones(2, 3))


def test_a_residual_fades_out_beside_what_was_seen():
    surface, normals = ball()
    trust = (normals[:, 0] > 0).float()
    residual = 0.2 * trust[:, None].expand(-1, 3)
    spread = spread_residual(surface.means, normals, residual, trust, surface.means, normals, 0.05)[:, 0]
    assert spread[normals[:, 0] > 0.02].min() > 0.19
    beyond = -surface.means[:, 0]
    assert 0.02 < spread[(beyond > 0.03) & (beyond < 0.04)].mean() < 0.19
    assert spread[beyond > 0.25].abs().max() < 1e-3


def test_a_residual_stays_on_its_side_of_a_thin_wall():
    grid = torch.cartesian_prod(torch.linspace(-0.3, 0.3, 30), torch.linspace(-0.3, 0.3, 30))
    front = torch.cat([grid, torch.zeros(900, 1)], dim=1)
    normals = torch.tensor([0.0, 0, 1]).repeat(900, 1)
    residual = torch.full((900, 3), 0.3)
    behind = front - torch.tensor([0.0, 0, 0.01])
    spread = spread_residual(front, normals, residual, torch.ones(900), behind, -normals, 0.05)
    assert spread.abs().max() < 0.01


def test_a_field_takes_over_map_and_residual():
    field = ball_proxy("ball").field
    normals = torch.nn.functional.normalize(torch.randn(4000, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    low, high = field.bounds
    points = normals * (high - low).min() / 2 * 0.5
    generated = field.color(points)
    field.set_color_map(0.5 * torch.eye(3), torch.full((3,), 0.1))
    assert torch.allclose(field.color(points), 0.5 * generated + 0.1, atol=1e-5)
    wave = 0.1 * torch.sin(6 * points[:, :1]).expand(-1, 3)
    field.fit_residual(points, wave)
    assert (field.color(points) - (0.5 * generated + 0.1 + wave).clamp(0, 1)).detach().abs().mean() < 0.01
    assert torch.allclose(field.generated_color(points), generated)


@pytest.mark.parametrize("setting", [{"iterations": -1}, {"learning_rate": 0.0}, {"reach": math.nan}])
def test_settings_that_make_no_sense_are_refused(setting: dict):
    with pytest.raises(ValueError, match="tune"):
        TuneConfig(**setting)
