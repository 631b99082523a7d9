"""Photographs with their masks lie over the viewer's picture where they were taken."""

from __future__ import annotations

import numpy as np
import torch
from composed_models import SIZE, camera, lifted_model
from nerfstudio.cameras.cameras import Cameras
from scipy.spatial.transform import Rotation

from scorp_ns.cameras import viewmats_from_camera_to_worlds
from scorp_ns.products import CapturedView
from scorp_ns.viewer.masked_photographs import MaskedPhotographs
from scorp_ns.viewer.object_markers import color_of
from scorp_ns.viewer.render_modes import Shown, ViewChoice, render_choice

LEFT, RIGHT = 4, 12
"""Columns between which the object is, and rows as well."""


def view(taken_by: Cameras, brightness: int = 128) -> CapturedView:
    """A photograph that grows brighter to the right and the bottom, with a square object of label 2."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    image = np.stack([columns * 200 // SIZE, rows * 200 // SIZE, np.full_like(rows, brightness)], axis=-1)
    labels = torch.zeros(SIZE, SIZE, dtype=torch.int16)
    labels[LEFT:RIGHT, LEFT:RIGHT] = 2
    (viewmat,), (K,) = viewmats_from_camera_to_worlds(taken_by.camera_to_worlds), taken_by.get_intrinsics_matrices()
    return CapturedView("a.jpg", torch.from_numpy(image.astype(np.uint8)), labels, viewmat, K)


def turned(degrees: float) -> Cameras:
    """The camera, looking to the right of where it did."""
    there = camera()
    turn = torch.from_numpy(Rotation.from_euler("y", -degrees, degrees=True).as_matrix()).float()
    there.camera_to_worlds[0, :, :3] = turn @ there.camera_to_worlds[0, :, :3]
    return there


def moved(aside: float) -> Cameras:
    there = camera()
    there.camera_to_worlds[0, 0, 3] = aside
    return there


def test_where_a_photograph_was_taken_it_is_seen_with_outlines_and_nothing_else():
    taken = view(camera())
    picture = MaskedPhotographs(lambda: [taken]).over(torch.zeros(SIZE, SIZE, 3), camera())
    border, beside = square(0) & ~square(1), square(-1) & ~square(2)
    assert (picture[border] - torch.tensor(color_of(2))).abs().mean() < 0.1, "lines are smooth at corners"
    torch.testing.assert_close(picture[~beside], taken.photograph[~beside] / 255.0, atol=1e-3, rtol=0)


def square(inset: int) -> torch.Tensor:
    """The pixels of the object, smaller by so many on each side."""
    pixels = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    pixels[LEFT + inset : RIGHT - inset, LEFT + inset : RIGHT - inset] = True
    return pixels


def test_who_looks_elsewhere_sees_the_scene_beside_the_photograph():
    focal, degrees = 30.0, 20.0
    picture = MaskedPhotographs(lambda: [view(camera())]).over(torch.ones(SIZE, SIZE, 3), turned(degrees))
    is_scene = (picture == 1).all(dim=-1)
    row = is_scene[SIZE // 2]
    edge = SIZE / 2 + focal * np.tan(np.arctan(SIZE / 2 / focal) - np.radians(degrees))
    assert not row[: int(edge)].any() and row[int(np.ceil(edge)) :].all()


def test_the_nearest_photograph_is_shown():
    views = [view(moved(aside), brightness) for aside, brightness in ((0.0, 50), (1.0, 250))]
    photographs = MaskedPhotographs(lambda: views)
    for aside, brightness in ((0.2, 50), (0.7, 250)):
        picture = photographs.over(torch.zeros(SIZE, SIZE, 3), moved(aside))
        assert round(float(picture[0, 0, 2]) * 255) == brightness
    behind = MaskedPhotographs(lambda: [view(turned(180), 10), view(turned(10), 90)])
    assert round(float(behind.over(torch.zeros(SIZE, SIZE, 3), camera())[16, 16, 2]) * 255) == 90


def test_the_viewer_shows_them_over_the_scene_and_the_scene_without_any():
    model = lifted_model().eval()
    with torch.no_grad():
        photographs = MaskedPhotographs(lambda: [view(camera())])
        shown = render_choice(model, ViewChoice(Shown.MASKS, photographs=photographs), camera())
        scene, none = (render_choice(model, ViewChoice(one), camera()) for one in (Shown.SCENE, Shown.MASKS))
    assert torch.equal(none["rgb"], scene["rgb"]) and torch.equal(shown["accumulation"], scene["accumulation"])
    assert round(float(shown["rgb"][0, 0, 2]) * 255) == 128
