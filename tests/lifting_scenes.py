"""Scenes whose objects are known to the last Gaussian: balls of flat Gaussians on a plane, cameras, exact masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int16, Int64
from torch import Tensor

from scorp_ns.gaussians.seeding import SH_C0
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.products import UNKNOWN, CapturedView, ObjectInfo
from scorp_ns.render import rasterization

WIDTH, HEIGHT = 80, 60
GROUND_SIDE = 40
"""The plane has so many Gaussians along each side."""


@dataclass(frozen=True)
class Ball:
    """One object: a ball's surface."""

    center: tuple[float, float, float]
    radius: float
    color: tuple[float, float, float] = (0.8, 0.3, 0.2)
    num_gaussians: int = 400


RED = Ball((-0.5, 0.0, 0.3), 0.3)
GREEN = Ball((0.5, 0.1, 0.25), 0.25, (0.2, 0.7, 0.3))


@dataclass(frozen=True)
class BallScene:
    """Gaussians that know whose they are, and photographs of them."""

    gaussians: Gaussians
    owners: Int64[Tensor, " n"]
    """The ball each Gaussian belongs to, counted from 1; 0 for the plane."""
    views: tuple[CapturedView, ...]

    @property
    def objects(self) -> tuple[ObjectInfo, ...]:
        """The balls as users name them."""
        return tuple(ObjectInfo(f"ball {number}") for number in range(1, int(self.owners.max()) + 1))

    def with_views(self, views: Sequence[CapturedView]) -> BallScene:
        """The same Gaussians in other photographs."""
        return replace(self, views=tuple(views))

    def moved(self, to_other: Similarity) -> BallScene:
        """All of it in another frame; a mirrored frame would need mirrored photographs."""
        assert not to_other.is_mirrored
        back = to_other.inverse()
        views = []
        for view in self.views:
            rotation = view.viewmat[:3, :3].double() @ back.rotation
            viewmat = torch.eye(4)
            viewmat[:3, :3] = rotation.float()
            # Distances in the other frame are larger by its scale, and so are those from the camera.
            translation = view.viewmat[:3, 3].double() + view.viewmat[:3, :3].double() @ back.translation
            viewmat[:3, 3] = (to_other.scale * translation).float()
            views.append(replace(view, viewmat=viewmat))
        return replace(self, gaussians=transform_gaussians(self.gaussians, to_other), views=tuple(views))


def ball_scene(
    balls: Sequence[Ball] = (RED, GREEN), num_views: int = 12, arc: float = 360.0, seed: int = 0
) -> BallScene:
    """Balls on a plane at z = 0, seen from an arc around them."""
    generator = torch.Generator().manual_seed(seed)
    parts = [_ground(generator), *(shell(ball, generator) for ball in balls)]
    owners = torch.cat([torch.full((len(part),), number) for number, part in enumerate(parts)])
    gaussians = join(parts)
    angles = [arc * index / num_views for index in range(num_views)]
    cameras = [orbit_camera(angle, 30.0 + 15.0 * (index % 2)) for index, angle in enumerate(angles)]
    views = [photograph(gaussians, owners, camera, f"{index:03d}.png") for index, camera in enumerate(cameras)]
    return BallScene(gaussians, owners, tuple(views))


def join(parts: Sequence[Gaussians]) -> Gaussians:
    """All the Gaussians of several sets."""
    names = ("means", "quats", "scales", "opacities", "harmonics")
    return Gaussians(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})


def orbit_camera(
    azimuth: float,
    elevation: float,
    distance: float = 2.6,
    target: Sequence[float] = (0.0, 0.0, 0.2),
    roll: float = 0.0,
) -> Float[Tensor, "4 4"]:
    """World to OpenCV camera, for a camera that looks at a point from so many degrees around and above it."""
    angles = torch.deg2rad(torch.tensor([azimuth, elevation, roll], dtype=torch.float64))
    (cos_a, cos_e, cos_r), (sin_a, sin_e, sin_r) = angles.cos().tolist(), angles.sin().tolist()
    right = torch.tensor([-sin_a, cos_a, 0.0])
    down = torch.tensor([sin_e * cos_a, sin_e * sin_a, -cos_e])
    forward = torch.tensor([-cos_e * cos_a, -cos_e * sin_a, -sin_e])
    viewmat = torch.eye(4)
    viewmat[:3, :3] = torch.stack([cos_r * right + sin_r * down, cos_r * down - sin_r * right, forward])
    viewmat[:3, 3] = -viewmat[:3, :3] @ (torch.tensor(target) - distance * forward)
    return viewmat


def intrinsics(width: int = WIDTH, height: int = HEIGHT) -> Float[Tensor, "3 3"]:
    """A lens that shows some 55 degrees."""
    return torch.tensor([[0.95 * width, 0.0, width / 2], [0.0, 0.95 * width, height / 2], [0.0, 0.0, 1.0]])


def photograph(
    gaussians: Gaussians,
    owners: Int64[Tensor, " n"],
    viewmat: Float[Tensor, "4 4"],
    name: str,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> CapturedView:
    """What a camera sees of the Gaussians: their colours, and whose they are."""
    num_owners = int(owners.max()) + 1
    channels = torch.cat([gaussians.base_colors, torch.eye(num_owners)[owners]], dim=1)
    K = intrinsics(width, height)
    image, alpha, _ = rasterization(
        gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities, channels,
        viewmat[None], K[None], width, height,
    )  # fmt: skip
    labels = torch.where(alpha[0, ..., 0] > 0.5, image[0, ..., 3:].argmax(dim=-1), 0)
    pixels = (image[0, ..., :3].clamp(0, 1) * 255).round().to(torch.uint8)
    return CapturedView(name, pixels, labels.short(), viewmat, K)


def relabelled(view: CapturedView, labels: Int16[Tensor, "h w"] | None) -> CapturedView:
    """The same photograph with another label map."""
    return replace(view, labels=labels)


def with_swapped(view: CapturedView, one: int = 1, other: int = 2) -> CapturedView:
    """The same photograph where two objects go by each other's label."""
    assert view.labels is not None
    swapped = view.labels.clone()
    swapped[view.labels == one], swapped[view.labels == other] = other, one
    return relabelled(view, swapped)


def with_unknown(view: CapturedView, share: float, seed: int = 0) -> CapturedView:
    """The same photograph where nobody says what a share of the pixels shows."""
    assert view.labels is not None
    unknown = torch.rand(view.labels.shape, generator=torch.Generator().manual_seed(seed)) < share
    return relabelled(view, view.labels.masked_fill(unknown, UNKNOWN))


def _ground(generator: torch.Generator) -> Gaussians:
    """A square of flat Gaussians of changing brown."""
    side = torch.linspace(-1.6, 1.6, GROUND_SIDE)
    x, y = torch.meshgrid(side, side, indexing="ij")
    means = torch.stack([x.flatten(), y.flatten(), torch.zeros(GROUND_SIDE**2)], dim=1)
    step = float(side[1] - side[0])
    color = torch.tensor([0.45, 0.4, 0.35]) + 0.1 * (torch.rand(len(means), 1, generator=generator) - 0.5)
    return _flat(means, torch.tensor([[0.0, 0.0, 1.0]]).expand_as(means), 0.6 * step, color)


def shell(ball: Ball, generator: torch.Generator) -> Gaussians:
    """Flat Gaussians spread evenly over a ball, in spots of its colour."""
    index = torch.arange(ball.num_gaussians) + 0.5
    z = 1 - 2 * index / ball.num_gaussians
    turn = index * (torch.pi * (1 + 5**0.5))
    normals = torch.stack([(1 - z**2).sqrt() * turn.cos(), (1 - z**2).sqrt() * turn.sin(), z], dim=1)
    spacing = ball.radius * (4 * torch.pi / ball.num_gaussians) ** 0.5
    color = torch.tensor(ball.color) + 0.3 * (torch.rand(ball.num_gaussians, 1, generator=generator) - 0.5)
    return _flat(torch.tensor(ball.center) + ball.radius * normals, normals, 0.6 * spacing, color)


def _flat(
    means: Float[Tensor, "n 3"], normals: Float[Tensor, "n 3"], size: float, colors: Float[Tensor, "n 3"]
) -> Gaussians:
    """Discs of that standard deviation, a tenth as thick, that face along their normals."""
    # The rotation that takes z to the normal turns about z x normal.
    quats = torch.stack([1 + normals[:, 2], -normals[:, 1], normals[:, 0], torch.zeros(len(means))], dim=1)
    quats[normals[:, 2] < -0.9999] = torch.tensor([0.0, 1.0, 0.0, 0.0])
    return Gaussians(
        means=means,
        quats=quats,
        scales=size * torch.tensor([[1.0, 1.0, 0.1]]).repeat(len(means), 1),
        opacities=torch.full((len(means),), 0.95),
        harmonics=((colors.clamp(0, 1) - 0.5) / SH_C0)[:, None],
    )
