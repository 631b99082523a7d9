"""Placed proxies are stretched and bent to what photographs show, and left alone where these say nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from pose_requests import Case, Trouble, make_case

from scorp_ns.errors import CancelledError
from scorp_ns.evaluate.geometry import nearest_distances
from scorp_ns.fields.config import FieldConfig
from scorp_ns.fields.distillation import distill
from scorp_ns.fields.surface_gaussians import mesh_of, surface_gaussians
from scorp_ns.gaussians.affine import Affine
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.generate.generator import Work
from scorp_ns.pose.config import SearchConfig, ShapeConfig
from scorp_ns.pose.deformation import Lattice, Warp
from scorp_ns.pose.shape_step import MendedShape, mend_shape
from scorp_ns.products import Proxy
from scorp_ns.stages.mend import mend
from scorp_ns.surfaces.mesh import ColoredMesh

STRETCH, BEND = ShapeConfig(bend=False), ShapeConfig(stretch=False)

COARSE = FieldConfig(
    base_spacing=0.03, distance_resolutions=(48,), color_resolutions=(24,), num_samples=5000, gaussians_per_area=2000.0
)


def deformed(case: Case, factors: tuple[float, float, float], bend: float = 0.0) -> ColoredMesh:
    """The case's proxy, stretched along axes of its own and bent like a bow."""
    vertices = case.mesh.vertices.astype(np.float64)
    axes = np.linalg.qr(np.array([[1.0, 0.4, 0.2], [-0.3, 1.0, 0.1], [0.1, -0.2, 1.0]]))[0]
    along = vertices @ axes
    moved = (
        along * factors + bend * np.stack([np.zeros(len(along)), np.sin(4 * along[:, 0]), along[:, 0] * 0], 1)
    ) @ axes.T
    return replace(case.mesh, vertices=moved.astype(np.float32))


def distances_to_truth(case: Case, mesh: ColoredMesh, T_capture_proxy: Similarity) -> np.ndarray:
    """How far points of the true thing are from a placed proxy, in diagonals of the thing."""
    true = case.mesh.moved(case.T_capture_proxy).sample(8000, 0).points.astype(np.float64)
    placed = mesh.moved(T_capture_proxy).sample(8000, 1).points.astype(np.float64)
    return nearest_distances(true, placed)[0] / case.diagonal


def mended_mesh(mesh: ColoredMesh, mended: MendedShape) -> ColoredMesh:
    vertices = mended.apply(mesh.vertices.astype(np.float64))
    return replace(mesh, vertices=vertices.astype(np.float32))


@pytest.mark.parametrize("config", [STRETCH, ShapeConfig()], ids=["stretch", "stretch and bend"])
def test_a_stretch_is_undone(config: ShapeConfig):
    case = make_case("hammer", seed=3, num_sights=8, trouble=Trouble(depth_noise=0.01, outliers=0.2))
    mesh = deformed(case, (1.08, 0.94, 1.0))
    mended = mend_shape(case.request, mesh, case.T_capture_proxy, config, 0)
    assert mended is not None
    before = distances_to_truth(case, mesh, case.T_capture_proxy)
    after = distances_to_truth(case, mended_mesh(mesh, mended), mended.T_capture_proxy)
    assert after.mean() < 0.6 * before.mean()
    assert mended.cost_after < mended.cost_before


def test_a_bend_is_undone():
    case = make_case("chair", seed=5, arc_deg=150, num_sights=8, trouble=Trouble(depth_noise=0.01, outliers=0.2))
    mesh = deformed(case, (1.0, 1.0, 1.0), bend=0.03)
    mended = mend_shape(case.request, mesh, case.T_capture_proxy, BEND, 0)
    assert mended is not None and mended.largest_bend > 0.01
    before = distances_to_truth(case, mesh, case.T_capture_proxy)
    after = distances_to_truth(case, mended_mesh(mesh, mended), mended.T_capture_proxy)
    assert after.mean() < 0.7 * before.mean()
    assert np.allclose(mended.factors, 1)


def test_a_right_shape_stays_in_spite_of_noise():
    case = make_case("car", seed=9, num_sights=8, trouble=Trouble(depth_noise=0.01, outliers=0.2, wrong_masks=0.2))
    mended = mend_shape(case.request, case.mesh, case.T_capture_proxy, ShapeConfig(), 0)
    before = distances_to_truth(case, case.mesh, case.T_capture_proxy)
    if mended is not None:
        after = distances_to_truth(case, mended_mesh(case.mesh, mended), mended.T_capture_proxy)
        assert after.mean() < before.mean() + 0.002


def test_what_no_photograph_shows_is_not_bent():
    case = make_case("parcel", seed=2, arc_deg=60, num_sights=8, trouble=Trouble())
    mesh = deformed(case, (1.06, 1.0, 0.96))
    config = replace(BEND, bend_reach=0.2)
    mended = mend_shape(case.request, mesh, case.T_capture_proxy, config, 0)
    assert mended is not None
    vertices = mesh.vertices.astype(np.float64)
    moves = np.linalg.norm(mended.warp.push(vertices) - vertices, axis=1)
    T = case.T_capture_proxy
    eyes = [-one.viewmat[:3, :3].T @ one.viewmat[:3, 3] for one in case.request.windows]
    middle = torch.stack(eyes).mean(dim=0) - T.translation
    towards = (vertices @ T.rotation.numpy().T) @ (middle / middle.norm()).numpy()
    behind, before = towards < np.quantile(towards, 0.1), towards > np.quantile(towards, 0.9)
    assert moves[behind].mean() < 0.6 * moves[before].mean()


@pytest.mark.parametrize("config", [ShapeConfig(stretch=False, bend=False), ShapeConfig(least_sights=20)])
def test_nothing_changes_where_that_is_not_wanted_or_too_little_is_seen(config: ShapeConfig):
    case = make_case("mug", seed=7, num_sights=10, trouble=Trouble())
    mesh = deformed(case, (1.1, 0.95, 1.0))
    assert mend_shape(case.request, mesh, case.T_capture_proxy, config, 0) is None


def test_nothing_seen_changes_nothing():
    case = make_case("mug", seed=7, num_sights=1)
    blind = replace(case.request, windows=())
    assert mend_shape(blind, case.mesh, case.T_capture_proxy, ShapeConfig(), 0) is None


def test_factors_stay_within_their_bounds():
    case = make_case("hammer", seed=3, num_sights=6, trouble=Trouble())
    mesh = deformed(case, (1.3, 0.9, 0.9))
    config = ShapeConfig(bend=False, least_factor=0.98, most_factor=1.02)
    mended = mend_shape(case.request, mesh, case.T_capture_proxy, config, 0)
    assert mended is not None
    assert mended.warp.factors.max() <= 1.02 + 1e-9 and mended.warp.factors.min() >= 0.98 - 1e-9


def test_a_warp_is_undone():
    lattice = Lattice.around(np.full(3, -0.3), np.full(3, 0.3), 0.35)
    random = np.random.default_rng(0)
    displacements = 0.02 * random.standard_normal((lattice.number, 3))
    factors, shift = torch.tensor([[1.1, 0.9, 1.0], [0.01, 0.0, 0.02]], dtype=torch.float64)
    warp = Warp(Affine(torch.diag(factors), shift), lattice, displacements)
    points = random.uniform(-0.3, 0.3, (500, 3))
    assert np.abs(warp.pull(warp.push(points)) - points).max() < 1e-6
    assert np.allclose(warp.factors, [1 / 0.9, 1, 1 / 1.1])


def placed_proxy(case: Case, mesh: ColoredMesh) -> Proxy:
    field = distill(mesh, COARSE)
    return Proxy(
        name=case.request.name,
        field=field,
        gaussians=surface_gaussians(field, COARSE),
        T_world_proxy=case.T_capture_proxy,
        T_asset_proxy=Similarity.identity(),
        made_by="somebody",
        evidence={"faith": 0.5},
    )


def test_the_stage_makes_field_gaussians_and_place_anew():
    case = make_case("hammer", seed=3, num_sights=8, trouble=Trouble(depth_noise=0.01))
    proxy = placed_proxy(case, deformed(case, (1.08, 0.94, 1.0)))
    heard: list[float] = []
    work = Work(lambda share, text: heard.append(share or 0.0))
    mended = mend(proxy, case.request, Similarity.identity(), ShapeConfig(), 0, work)
    assert mended is not None and mended.T_world_proxy is not None
    assert heard == sorted(heard) and heard[-1] == 1
    before = distances_to_truth(case, mesh_of(proxy.field, 1 / 64), case.T_capture_proxy)
    after = distances_to_truth(case, mesh_of(mended.field, 1 / 64), mended.T_world_proxy)
    assert after.mean() < 0.7 * before.mean()
    assert float(mended.field.sdf(mended.gaussians.means).abs().detach().mean()) < 0.02
    assert mended.evidence["faith"] == 0.5 and float(mended.evidence["largest_bend"]) > 0.01
    assert "stretched" in mended.notes[-1]


def test_mending_can_be_cancelled():
    case = make_case("mug", seed=7, trouble=Trouble())
    work = Work()
    work.cancelled.set()
    with pytest.raises(CancelledError):
        mend(placed_proxy(case, case.mesh), case.request, Similarity.identity(), ShapeConfig(), 0, work)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"most_factor": 0.9}, "most_factor 0.9"),
        ({"typical_bend": 0.0}, "typical_bend is 0.0; it must be from 0.0001 to 1"),
        ({"least_sights": 1}, "least_sights is 1"),
    ],
)
def test_senseless_settings_of_the_shape_are_refused(settings: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        ShapeConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_rotations": 0}, "place.num_rotations is 0; it must be from 1"),
        ({"num_polished": 50}, "num_polished is 50; it must be from 1 to 24"),
        ({"least_explained": float("nan")}, "least_explained is nan"),
    ],
)
def test_senseless_settings_of_the_search_are_refused(settings: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        SearchConfig(**settings)
