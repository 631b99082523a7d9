"""Fields whose hash grids compute elsewhere and in half precision are fitted, moved and read like all others."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from ball_proxies import BALL_RADIUS, COARSE, ball_mesh
from nerfstudio.field_components import encodings
from nerfstudio.utils import external

from scorp_ns.errors import UnsupportedError
from scorp_ns.fields.distillation import distill
from scorp_ns.fields.hash_pyramid import HashPyramid
from scorp_ns.fields.proxy_field import ProxyField

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class HalfEncoding(torch.nn.Module):
    """Keeps the promises of `tinycudann.Encoding`: entries on its device, only there to be used, and half precision."""

    def __init__(self, n_input_dims: int, encoding_config: dict) -> None:
        super().__init__()
        assert n_input_dims == 3 and encoding_config["n_features_per_level"] in (1, 2, 4, 8)
        self._exact = (
            encodings.HashEncoding(
                num_levels=1,
                min_res=encoding_config["base_resolution"],
                max_res=encoding_config["base_resolution"],
                log2_hashmap_size=encoding_config["log2_hashmap_size"],
                features_per_level=encoding_config["n_features_per_level"],
                implementation="torch",
            ),
        )
        self.params = torch.nn.Parameter(self._exact[0].hash_table.detach().to(DEVICE))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert self.params.device.type == DEVICE and x.device == self.params.device
        (exact,) = self._exact
        return torch.func.functional_call(exact, {"hash_table": self.params}, (x,)).half()


@pytest.fixture
def tcnn(monkeypatch) -> None:
    monkeypatch.setattr(external, "TCNN_EXISTS", True)
    monkeypatch.setattr(encodings, "TCNN_EXISTS", True)
    monkeypatch.setattr(encodings, "tcnn", SimpleNamespace(Encoding=HalfEncoding))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


@pytest.mark.usefixtures("tcnn")
def test_a_field_of_half_precision_is_the_ball_as_well():
    mesh = ball_mesh()
    half, exact = (distill(mesh, replace(COARSE, encoding=encoding)) for encoding in ("tcnn", "torch"))
    points = torch.nn.functional.normalize(torch.randn(500, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    for radius in (0.9 * BALL_RADIUS, BALL_RADIUS, 1.1 * BALL_RADIUS):
        assert (half.sdf(radius * points) - exact.sdf(radius * points)).abs().max() < 0.003
    assert (half.color(BALL_RADIUS * points) - exact.color(BALL_RADIUS * points)).abs().max() < 0.02


@pytest.mark.usefixtures("tcnn")
def test_grids_bound_to_a_gpu_do_not_move_and_take_points_from_anywhere():
    pyramid = HashPyramid((8, 16), 10, 3, "tcnn")
    x, target = torch.rand(4000, 3), torch.rand(4000, 3).mean(dim=0).expand(4000, 3)
    left = pyramid.fit(x, target, 2)
    before = [entries.data_ptr() for entries in pyramid.parameters()]
    pyramid.to(torch.float64).cpu()
    assert [entries.data_ptr() for entries in pyramid.parameters()] == before, "the entries are where they were"
    assert left.device == target.device and left.abs().mean() < 0.1 * target.abs().mean()
    assert (pyramid(x) + left - target).abs().max() < 0.01 and pyramid(x.double()).dtype == torch.float64


@pytest.mark.usefixtures("tcnn")
def test_a_copy_on_the_cpu_and_one_from_its_state_are_the_same_field():
    config = replace(COARSE, encoding="tcnn")
    field = distill(ball_mesh(), config)
    points = torch.rand(100, 3) - 0.5
    for other in (deepcopy(field).cpu(), ProxyField.from_state(field.state_dict(), config)):
        assert torch.equal(other.sdf(points), field.sdf(points)) and torch.equal(
            other.color(points), field.color(points)
        )


def test_grids_that_cannot_be_evaluated_here_are_refused_clearly(monkeypatch):
    monkeypatch.setattr(external, "TCNN_EXISTS", False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UnsupportedError) as raised:
        HashPyramid((8,), 10, 3, "tcnn")
    assert "tiny-cuda-nn is not installed and there is no GPU" in raised.value.found
    assert "proxy.encoding torch" in raised.value.do
    HashPyramid((8,), 10, 3, "torch")
