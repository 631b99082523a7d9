"""What was photographed stays, what was not comes from the proxy, and neither stands out of the object."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from scorp_ns.compose.config import ComposeConfig
from scorp_ns.compose.evidence import SurfaceEvidence
from scorp_ns.compose.selection import Blend, choose
from scorp_ns.gaussians.splats import Gaussians

NUM_POINTS = 2000


def sphere(seed: int, num_points: int = NUM_POINTS, radius: float = 0.5) -> Gaussians:
    """Small Gaussians on a sphere."""
    points = torch.randn(num_points, 3, generator=torch.Generator().manual_seed(seed))
    return Gaussians(
        means=radius * torch.nn.functional.normalize(points, dim=1),
        quats=torch.tensor([[1.0, 0, 0, 0]]).repeat(num_points, 1),
        scales=torch.full((num_points, 3), 0.004),
        opacities=torch.full((num_points,), 0.9),
        harmonics=torch.zeros(num_points, 1, 3),
    )


OWN, PROXY = sphere(0), sphere(1)


def distance(points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
    return points.norm(dim=1) - 0.5


def seen_from_x(gaussians: Gaussians) -> Float[Tensor, " n"]:
    return (gaussians.means[:, 0] > 0).float()


def evidence(contradicted: Tensor | None = None) -> SurfaceEvidence:
    """The half of the proxy towards x is seen by three photographs."""
    zeros = torch.zeros(NUM_POINTS)
    return SurfaceEvidence(
        3 * seen_from_x(PROXY), zeros if contradicted is None else contradicted, zeros[:, None].expand(-1, 3), zeros
    )


def blend(own: Gaussians = OWN, visibility: Tensor | None = None, **options) -> Blend:
    given = options.pop("evidence", evidence())
    visible = seen_from_x(own) if visibility is None else visibility
    return choose(own, visible, PROXY, given, distance, 1.0, ComposeConfig(**options))


def test_the_unseen_half_comes_from_the_proxy_and_the_seen_half_stays():
    made = blend()
    assert torch.equal(made.filled, PROXY.means[:, 0] <= 0)
    clearly = OWN.means[:, 0].abs() > 0.05
    assert torch.equal(made.kept[clearly], OWN.means[clearly, 0] > 0)


def test_what_was_seen_well_stays_wherever_it_is():
    assert blend(visibility=torch.ones(NUM_POINTS)).kept.all()


def test_what_photographs_deny_does_not_come():
    contradicted = 2 * (PROXY.means[:, 2] > 0).float()
    made = blend(evidence=evidence(contradicted))
    assert torch.equal(made.filled, (PROXY.means[:, 0] <= 0) & (PROXY.means[:, 2] <= 0))


def test_a_single_photograph_may_be_wrong():
    assert torch.equal(blend(evidence=evidence(torch.ones(NUM_POINTS))).filled, blend().filled)


def test_fog_around_the_object_goes_even_where_it_was_seen():
    fog = sphere(2, 100, radius=0.65)
    made = blend(fog, torch.ones(100))
    assert not made.kept.any() and made.outlying.all()


def test_needles_that_stand_out_of_the_object_go():
    scales = OWN.scales.clone()
    scales[:50, 0] = 0.3
    needles = Gaussians(OWN.means, OWN.quats, scales, OWN.opacities, OWN.harmonics)
    made = blend(needles, torch.ones(NUM_POINTS))
    assert made.kept[50:].all() and not made.kept[:50].any() and not made.outlying.any()


def test_modes_do_as_they_are_called():
    kept, replaced = blend(mode="keep"), blend(mode="replace")
    assert kept.kept.all() and not kept.filled.any()
    assert not replaced.kept.any() and replaced.filled.all()


@pytest.mark.parametrize("options", [{"tolerance": 0.0}, {"least_denials": 0}, {"well_seen": 1.5}, {"overreach": -1.0}])
def test_settings_that_make_no_sense_are_refused(options: dict[str, float]):
    (name,) = options
    with pytest.raises(ValueError, match=f"compose.{name}"):
        ComposeConfig(**options)  # type: ignore[arg-type]
