"""Any asset becomes a closed surface of unit size that faces outwards, with colours, where it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from asset_making import ball, joined, surfels

from scorp_ns.errors import GenerationError
from scorp_ns.generate.canonical.canonicalising import canonicalise
from scorp_ns.generate.canonical.working_mesh import CanonicalShape
from scorp_ns.products import ProxyAsset
from scorp_ns.surfaces.components import has_matched_edges
from scorp_ns.surfaces.mesh import ColoredMesh
from scorp_ns.surfaces.queries import SurfaceQueries
from scorp_ns.surfaces.remeshing import places_of

BALL = ball(4, radius=0.3)

KEPT = 0.005
"""How far a repaired surface may be from what it was made of, in diagonals."""


def canonical(mesh: ColoredMesh, **changes) -> CanonicalShape:
    shape = canonicalise(ProxyAsset(mesh, "test", **changes), "mug")
    assert shape.mesh.diagonal == pytest.approx(1, abs=1e-5)
    assert np.sum(shape.mesh.bounds, axis=0) == pytest.approx(0, abs=1e-5)
    assert has_matched_edges(places_of(shape.mesh.vertices.astype(np.float64))[shape.mesh.faces])
    return shape


def volume(mesh: ColoredMesh) -> float:
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    return float(np.einsum("nd,nd->n", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6)


def assert_same_surface(shape: CanonicalShape, mesh: ColoredMesh) -> None:
    """The canonical surface, back in the asset's frame, is this one."""
    back = shape.mesh.moved(shape.T_asset_proxy)
    for here, there in ((back, mesh), (mesh, back)):
        samples = here.sample(3000)
        nearest = SurfaceQueries(there).nearest(samples.points)
        assert np.quantile(nearest.distances, 0.95) < KEPT * mesh.diagonal
        assert np.abs(nearest.colors - samples.colors).mean() < 0.02
    assert volume(back) == pytest.approx(volume(mesh), rel=0.03)


def without(mesh: ColoredMesh, is_left_out: np.ndarray) -> ColoredMesh:
    return replace(mesh, faces=mesh.faces[~is_left_out])


def middles(mesh: ColoredMesh) -> np.ndarray:
    return mesh.vertices[mesh.faces].mean(axis=1)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_a_good_surface_of_any_size_stays_as_it_is(scale: float) -> None:
    far = replace(BALL, vertices=((BALL.vertices + 0.7) * np.float32(scale)).astype(np.float32))
    shape = canonical(far)
    assert shape.notes == () and np.array_equal(shape.mesh.faces, BALL.faces)
    back = shape.mesh.moved(shape.T_asset_proxy).vertices
    assert np.abs(back - far.vertices).max() < 1e-6 * scale


def test_up_becomes_z() -> None:
    for up in ((0.0, 1.0, 0.0), (0.0, 0.0, -2.0), (1.0, 2.0, -3.0)):
        shape = canonical(BALL, up=up)
        assert shape.T_asset_proxy.rotation[:, 2].numpy() == pytest.approx(np.array(up) / np.linalg.norm(up))
        assert not shape.T_asset_proxy.is_mirrored
        assert_same_surface(shape, BALL)


def test_an_inside_out_surface_is_turned() -> None:
    shape = canonical(replace(BALL, faces=BALL.faces[:, ::-1].copy()))
    assert "inwards" in shape.notes[0]
    assert_same_surface(shape, BALL)


def test_triangles_that_face_either_way_are_turned() -> None:
    is_turned = np.random.default_rng(0).random(len(BALL.faces)) < 0.4
    assert_same_surface(
        canonical(replace(BALL, faces=np.where(is_turned[:, None], BALL.faces[:, ::-1], BALL.faces))), BALL
    )


@pytest.mark.parametrize("is_inside_out", [False, True])
def test_a_cavity_stays_one(is_inside_out: bool) -> None:
    inner = ball(4, radius=0.15)
    hollow = joined(BALL, replace(inner, faces=inner.faces[:, ::-1]))
    given = replace(hollow, faces=hollow.faces[:, ::-1]) if is_inside_out else hollow
    assert_same_surface(canonical(given), hollow)


def test_small_holes_are_closed_without_touching_the_rest() -> None:
    is_hole = np.isin(np.arange(len(BALL.faces)), [3, 100, 101, 2000])
    shape = canonical(without(BALL, is_hole))
    assert len(shape.mesh.faces) == len(BALL.faces) - 4 + 4 * 3
    assert_same_surface(shape, BALL)


@pytest.mark.slow
def test_a_large_hole_is_closed_across() -> None:
    shape = canonical(without(BALL, middles(BALL)[:, 2] > 0.24))
    back = shape.mesh.moved(shape.T_asset_proxy)
    cap = np.pi * 0.06**2 * (0.9 - 0.06) / 3
    assert volume(BALL) - 1.5 * cap < volume(back) < volume(BALL)
    assert SurfaceQueries(back).is_inside(np.zeros((1, 3), np.float32)).all()


def test_what_crosses_itself_becomes_one_body() -> None:
    two = joined(BALL, ball(4, radius=0.3, center=(0.35, 0, 0)))
    back = (shape := canonical(two)).mesh.moved(shape.T_asset_proxy)
    inner = SurfaceQueries(back).is_inside(np.array([[0.175, 0, 0], [0, 0, 0], [0.35, 0, 0]], np.float32))
    assert inner.all()
    overlap = np.pi * (4 * 0.3 + 0.35) * (2 * 0.3 - 0.35) ** 2 / 12
    assert volume(back) == pytest.approx(2 * volume(BALL) - overlap, rel=0.02)


@pytest.mark.slow
def test_loose_triangles_become_a_body() -> None:
    random = np.random.default_rng(0)
    corners = BALL.vertices[BALL.faces].reshape(-1, 3)
    loose = ColoredMesh(
        (corners + random.normal(scale=1e-3, size=corners.shape)).astype(np.float32),
        np.arange(len(corners)).reshape(-1, 3),
        BALL.colors[BALL.faces].reshape(-1, 3),
    )
    assert_same_surface(canonical(loose), BALL)


def test_a_sheet_becomes_a_thin_closed_shell() -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0.2], [0, 1, 0.2]], np.float32)
    sheet = ColoredMesh(corners, np.array([[0, 1, 2], [0, 2, 3]]), np.full((4, 3), 0.25, np.float32))
    shape = canonical(sheet)
    back = shape.mesh.moved(shape.T_asset_proxy)
    distances = SurfaceQueries(sheet).nearest(back.vertices).distances
    assert distances.max() < KEPT * sheet.diagonal
    assert volume(back) > 0 and np.abs(shape.mesh.colors - 0.25).max() < 1e-3


def test_walls_too_thin_for_the_grid_are_kept() -> None:
    inner = ball(4, radius=0.297)
    whole = joined(BALL, replace(inner, faces=inner.faces[:, ::-1]))
    bowl = without(whole, middles(whole)[:, 2] > 0.1)
    shape = canonical(bowl)
    back = shape.mesh.moved(shape.T_asset_proxy)
    distances = SurfaceQueries(back).nearest(bowl.sample(2000).points).distances
    assert np.quantile(distances, 0.95) < KEPT * bowl.diagonal
    assert not SurfaceQueries(back).is_inside(np.zeros((1, 3), np.float32)).any()


def test_floaters_are_removed_and_parts_that_stand_near_stay() -> None:
    speck = ball(2, radius=0.005, center=(3, 0, 0))
    wheel = ball(3, radius=0.04, center=(0, 0, 0.345))
    shape = canonical(joined(BALL, speck, wheel))
    assert_same_surface(shape, joined(BALL, wheel))
    assert "apart from the rest" in shape.notes[0]


def test_gaussians_become_a_closed_coloured_surface() -> None:
    gaussians = surfels(BALL, 8000)
    far = surfels(ball(2, radius=0.01, center=(2, 0, 0)), 20)
    haze = surfels(ball(3, radius=0.5), 500)
    names = ("means", "quats", "scales", "opacities", "harmonics")
    haze = replace(haze, opacities=torch.full((500,), 0.05))
    whole = type(gaussians)(
        **{name: torch.cat([getattr(part, name) for part in (gaussians, far, haze)]) for name in names}
    )
    shape = canonicalise(ProxyAsset(whole, "test"), "mug")
    assert "520 of 8520" in shape.notes[0]
    back = shape.mesh.moved(shape.T_asset_proxy)
    radii = np.linalg.norm(back.vertices, axis=1)
    assert np.quantile(radii, (0.02, 0.98)) == pytest.approx(0.3, abs=0.012)
    colors = back.vertices / 0.6 + 0.5
    assert np.abs(back.colors - colors).mean() < 0.03
    assert has_matched_edges(shape.mesh.faces)


def test_what_is_empty_is_an_error() -> None:
    line = ColoredMesh(
        np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0]], np.float32), np.array([[0, 1, 2]]), np.zeros((3, 3), np.float32)
    )
    with pytest.raises(GenerationError, match="'mug' has no triangle with an area"):
        canonical(line)
    point = replace(line, vertices=np.zeros((3, 3), np.float32))
    with pytest.raises(GenerationError, match="'mug' has no triangle with an area"):
        canonical(point)
    faint = replace(surfels(BALL, 10), opacities=torch.full((10,), 0.01))
    with pytest.raises(GenerationError, match="no surface can be made"):
        canonicalise(ProxyAsset(faint, "test"), "mug")
