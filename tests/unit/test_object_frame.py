"""Where up is, what an object stands on, and the upright box around it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from lifting_scenes import orbit_camera
from torch import Tensor

from scorp_ns.lift.frame import fit_frame
from scorp_ns.lift.support import Surroundings, find_support
from scorp_ns.lift.up_direction import up_direction
from scorp_ns.products import Support

UP = torch.tensor([0.0, 0.0, 1.0])


def degrees_between(one: Tensor, other: Tensor) -> float:
    return math.degrees(math.acos(min(1.0, float(one.double() @ other.double()))))


def rotation(seed: int) -> Tensor:
    q, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(seed)))
    return q if torch.linalg.det(q) > 0 else -q


def turned_cameras(R: Tensor, azimuths: list[float], elevation: float, rolls: list[float] | None = None) -> Tensor:
    """Cameras around an object, all turned by R."""
    rolls = rolls or [0.0] * len(azimuths)
    cameras = torch.stack([orbit_camera(a, elevation, roll=roll) for a, roll in zip(azimuths, rolls, strict=True)])
    cameras[:, :3, :3] = cameras[:, :3, :3] @ R.T
    return cameras


@pytest.mark.parametrize("elevation", [-20.0, 0.0, 30.0, 70.0])
@pytest.mark.parametrize("arc", [40.0, 120.0, 360.0])
def test_up_is_found_however_far_cameras_look_down_and_go_around(elevation: float, arc: float):
    R = rotation(0)
    cameras = turned_cameras(R, [arc * index / 10 for index in range(10)], elevation)
    assert degrees_between(up_direction(cameras), R @ UP) < 0.1


def test_small_rolls_average_out():
    rolls = (5 * torch.randn(40, generator=torch.Generator().manual_seed(1))).tolist()
    cameras = turned_cameras(torch.eye(3), [9.0 * index for index in range(40)], 30.0, rolls)
    assert degrees_between(up_direction(cameras), UP) < 3


@pytest.mark.parametrize("azimuths", [[0.0], [0.0, 2.0]])
def test_cameras_that_hardly_turn_give_their_own_up(azimuths: list[float]):
    cameras = turned_cameras(torch.eye(3), azimuths, 30.0)
    assert degrees_between(up_direction(cameras), UP) == pytest.approx(30.0, abs=0.1)


def test_two_cameras_at_an_angle_are_enough():
    assert degrees_between(up_direction(turned_cameras(rotation(3), [0.0, 60.0], 45.0)), rotation(3) @ UP) < 0.1


def test_up_is_where_cameras_that_look_straight_down_are():
    cameras = turned_cameras(rotation(2), [30.0 * index for index in range(12)], 90.0)
    assert degrees_between(up_direction(cameras), rotation(2) @ UP) < 0.1
    two_opposite = turned_cameras(rotation(2), [0.0, 180.0], 90.0)
    assert degrees_between(up_direction(two_opposite), rotation(2) @ UP) < 0.1


def box_points(size: tuple[float, float, float], number: int = 3000, seed: int = 0) -> Tensor:
    """Points all over a box's surface, which stands on z = 0."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(number, 3, generator=generator)
    face = torch.randint(3, (number, 1), generator=generator)
    points.scatter_(1, face, points.gather(1, face).round())
    return (points - torch.tensor([0.5, 0.5, 0.0])) * torch.tensor(size)


def test_a_turned_box_gets_its_own_sides():
    turn = torch.tensor([[math.cos(0.4), -math.sin(0.4), 0.0], [math.sin(0.4), math.cos(0.4), 0.0], [0.0, 0.0, 1.0]])
    R = rotation(4)
    points = box_points((2.0, 1.0, 0.5)) @ turn.T @ R.T + 3.0
    frame = fit_frame(points, R @ UP, None)
    assert torch.linalg.det(frame.rotation) == pytest.approx(1.0, abs=1e-4)
    torch.testing.assert_close(frame.rotation[:, 2], R @ UP, rtol=0, atol=1e-5)
    torch.testing.assert_close(frame.extent.sort().values, torch.tensor([0.5, 1.0, 2.0]), rtol=0.02, atol=0)
    torch.testing.assert_close(frame.center, R @ torch.tensor([0.0, 0.0, 0.25]) + 3.0, rtol=0, atol=0.02)
    long_side = frame.rotation[:, int(frame.extent.argmax())]
    assert abs(float(long_side @ (R @ turn)[:, 0])) > 0.999


def test_the_box_stands_on_its_support_and_leans_with_it():
    support = Support(
        torch.tensor([0.0, 0.0, -0.2]), torch.nn.functional.normalize(torch.tensor([0.1, 0.0, 1.0]), dim=0)
    )
    frame = fit_frame(box_points((1.0, 1.0, 1.0)), UP, support)
    assert torch.equal(frame.rotation[:, 2], support.up)
    bottom = frame.center - frame.rotation[:, 2] * frame.extent[2] / 2
    assert float(support.heights(bottom[None])) == pytest.approx(0.0, abs=1e-5)


def test_a_few_strays_do_not_stretch_the_box():
    points = torch.cat([box_points((1.0, 1.0, 1.0)), torch.tensor([[0.0, 0.0, 30.0], [0.0, 0.0, -30.0]])])
    assert float(fit_frame(points, UP, None).extent[2]) < 1.05


@pytest.mark.parametrize("shape", ["point", "line", "upright line", "sheet"])
def test_flat_objects_have_a_thin_box(shape: str):
    spans = {
        "point": (0.0, 0.0, 0.0),
        "line": (1.0, 1.0, 0.0),
        "upright line": (0.0, 0.0, 1.0),
        "sheet": (1.0, 2.0, 0.0),
    }
    steps = torch.rand(50, 1, generator=torch.Generator().manual_seed(0)) if "line" in shape else torch.rand(50, 3)
    frame = fit_frame(steps * torch.tensor(spans[shape]) + 5.0, UP, None)
    assert frame.diagonal > 0 and frame.extent.isfinite().all() and frame.rotation.isfinite().all()
    expected = math.dist((0, 0, 0), spans[shape])
    assert frame.diagonal == pytest.approx(expected, rel=0.2, abs=1e-3)


def plane_points(number: int, tilt: float = 0.0, noise: float = 0.0, height: float = 0.0, seed: int = 5) -> Tensor:
    """Points of a square plane that leans by so many degrees."""
    generator = torch.Generator().manual_seed(seed)
    x, y = (4 * torch.rand(2, number, generator=generator) - 2).unbind()
    z = height + math.tan(math.radians(tilt)) * x + noise * torch.randn(number, generator=generator)
    return torch.stack([x, y, z], dim=1)


def evenly(points: Tensor) -> Surroundings:
    """A surface with a Gaussian at every point of it."""
    return Surroundings(surface=points, gaussians=points, weights=torch.ones(len(points)))


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_a_support_is_found_among_clutter_at_any_scale(scale: float):
    R = rotation(6)
    clutter = 4 * torch.rand(800, 3, generator=torch.Generator().manual_seed(2)) - 2
    around = torch.cat([plane_points(1000, tilt=5, noise=0.005), clutter])
    body = box_points((1.0, 1.0, 1.0))
    support = find_support(evenly(scale * around @ R.T), scale * body @ R.T, R @ UP)
    assert support is not None
    normal = R @ torch.nn.functional.normalize(torch.tensor([-math.tan(math.radians(5)), 0.0, 1.0]), dim=0)
    assert degrees_between(support.up, normal) < 1.0
    assert float(support.heights(torch.zeros(1, 3)).abs()) < 0.02 * scale


@pytest.mark.parametrize(
    "around, body",
    [
        (plane_points(15), box_points((1.0, 1.0, 1.0))),
        (plane_points(1000, tilt=50), box_points((1.0, 1.0, 1.0))),
        (plane_points(1000, height=-2.0), box_points((1.0, 1.0, 1.0))),
        (plane_points(1000, height=0.4), box_points((1.0, 1.0, 1.0))),
        (2 * torch.rand(1000, 3) - torch.tensor([1.0, 1.0, 2.0]), box_points((1.0, 1.0, 1.0))),
        (torch.linspace(-1, 1, 500)[:, None] * torch.tensor([1.0, 0.0, 0.0]) - 0.1 * UP, box_points((1.0, 1.0, 1.0))),
        (torch.zeros(500, 3) - 0.1 * UP, box_points((1.0, 1.0, 1.0))),
        (plane_points(1000), torch.ones(100, 3)),
        (torch.empty(0, 3), box_points((1.0, 1.0, 1.0))),
    ],
    ids=[
        "few points",
        "steep",
        "far below",
        "through the middle",
        "no plane",
        "a line",
        "a point",
        "no body",
        "nothing",
    ],
)
def test_where_nothing_carries_the_object_there_is_no_support(around: Tensor, body: Tensor):
    assert find_support(evenly(around), body, UP) is None


def hazy_ground(share_on_ground: float) -> Surroundings:
    """A level table at height 0 with haze around it, which lifts and tilts the depths of it."""
    generator = torch.Generator().manual_seed(3)
    depths = plane_points(3000, tilt=1.5, noise=0.005, height=0.05)
    heights = 0.002 * torch.randn(4000, generator=generator)
    is_haze = torch.rand(4000, generator=generator) > share_on_ground
    heights[is_haze] = 0.3 * torch.rand(int(is_haze.sum()), generator=generator) - 0.1
    gaussians = torch.cat([4 * torch.rand(4000, 2, generator=generator) - 2, heights[:, None]], dim=1)
    return Surroundings(depths, gaussians, torch.rand(4000, generator=generator))


def test_haze_before_a_plain_table_neither_lifts_nor_tilts_it():
    support = find_support(hazy_ground(share_on_ground=0.3), box_points((1.0, 1.0, 1.0)) + 0.5 * UP, UP)
    assert support is not None
    assert degrees_between(support.up, UP) < 0.2
    assert float(support.heights(torch.zeros(1, 3)).abs()) < 0.005


def test_gaussians_that_are_dense_nowhere_leave_the_support_where_depths_see_it():
    support = find_support(hazy_ground(share_on_ground=0.0), box_points((1.0, 1.0, 1.0)) + 0.5 * UP, UP)
    assert support is not None
    assert float(support.heights(torch.tensor([[0.0, 0.0, 0.05]])).abs()) < 0.005


def test_a_support_does_not_depend_on_the_global_random_state_and_leaves_it_alone():
    torch.manual_seed(0)
    np.random.seed(0)
    first = find_support(evenly(plane_points(6000, noise=0.01)), box_points((1.0, 1.0, 1.0)), UP)
    assert float(torch.rand(1)) == float(torch.rand(1, generator=torch.Generator().manual_seed(0)))
    assert np.random.rand() == np.random.RandomState(0).rand()
    second = find_support(evenly(plane_points(6000, noise=0.01)), box_points((1.0, 1.0, 1.0)), UP)
    assert first is not None and second is not None and torch.equal(first.up, second.up)
