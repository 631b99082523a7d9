"""The bench tells errors of places also of objects whose true surface nobody knows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from ball_proxies import ball_mesh, ball_proxy

from scorp_ns.bench.poses import errors_of_pose
from scorp_ns.gaussians.similarity import Similarity

TRUE = Similarity(torch.eye(3, dtype=torch.float64), torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64), 2.0)
STEP = torch.tensor([0.1, 0.0, 0.0], dtype=torch.float64)


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    (tmp_path / "ball.glb").touch()
    truth = {"proxy_to_world": TRUE.matrix.tolist()}
    (tmp_path / "ball.truth.json").write_text(json.dumps(truth))
    return tmp_path


def test_without_a_true_surface_the_true_place_says_how_far_a_proxy_is_off(assets: Path):
    moved = replace(TRUE, translation=TRUE.translation + STEP)
    errors = errors_of_pose(ball_proxy("ball", moved), assets, None, Similarity.identity())
    assert errors["rotation_deg"] == pytest.approx(0, abs=1e-4) and errors["scale_pct"] == pytest.approx(0, abs=1e-4)
    assert errors["translation_pct"] == pytest.approx(100 * 0.1 / 2.0, rel=0.05), "a diagonal of 1, twice as large"


def test_a_true_surface_gives_the_same_errors(assets: Path):
    import trimesh

    surface = ball_mesh().moved(TRUE)
    trimesh.Trimesh(surface.vertices, surface.faces).export(assets / "true.ply")
    proxy = ball_proxy("ball", replace(TRUE, translation=TRUE.translation + STEP, scale=2.2))
    with_surface, without = (
        errors_of_pose(proxy, assets, mesh, Similarity.identity()) for mesh in (assets / "true.ply", None)
    )
    assert without == pytest.approx(with_surface, rel=0.05, abs=0.1)


def test_a_proxy_without_a_place_has_no_errors(assets: Path):
    assert errors_of_pose(ball_proxy("ball"), assets, None, Similarity.identity()) == {}
