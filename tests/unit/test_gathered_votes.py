"""The votes of many views: they add up, and what nobody knows votes for nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest
import tolerances
import torch
from lifting_scenes import ball_scene, relabelled, with_unknown

from scorp_ns.errors import ScorpError
from scorp_ns.lift.votes import WHOLE, Votes, gather_votes
from scorp_ns.render.label_weights import label_weights

SCENE = ball_scene(num_views=4)


def test_votes_are_the_sum_of_every_views_votes():
    expected = torch.zeros(len(SCENE.gaussians), 3)
    shown = []
    g = SCENE.gaussians
    for view in SCENE.views:
        arguments = (g.means, g.quats, g.scales, g.opacities, view.viewmat, view.K, view.labels, 3)
        weights, shares = label_weights(*arguments)
        expected += weights
        shown.append(shares)
    votes = gather_votes(SCENE.gaussians, SCENE.views, 2)
    torch.testing.assert_close(votes.weights, expected, rtol=tolerances.VOTES, atol=tolerances.VOTES)
    torch.testing.assert_close(votes.totals, expected.sum(dim=1), rtol=tolerances.VOTES, atol=tolerances.VOTES)
    assert (votes.shown.float() / WHOLE - torch.stack(shown)).abs().max() <= 0.5 / WHOLE + 1e-6
    assert (votes.visibility - torch.stack(shown).amax(dim=0)).abs().max() <= 0.5 / WHOLE + 1e-6
    assert votes.num_objects == 2


def test_a_view_without_labels_sees_and_does_not_vote():
    known = gather_votes(SCENE.gaussians, SCENE.views[:3], 2)
    blind = gather_votes(SCENE.gaussians, [*SCENE.views[:3], relabelled(SCENE.views[3], None)], 2)
    assert torch.equal(known.weights, blind.weights)
    assert torch.equal(blind.shown, gather_votes(SCENE.gaussians, SCENE.views, 2).shown)


def test_unknown_pixels_lower_votes_and_leave_shares():
    known = gather_votes(SCENE.gaussians, SCENE.views, 2)
    partly = gather_votes(SCENE.gaussians, [with_unknown(view, 0.3, seed) for seed, view in enumerate(SCENE.views)], 2)
    assert 0.6 < float(partly.weights.sum() / known.weights.sum()) < 0.8
    is_clear = (known.shares.amax(dim=1) == 1) & (partly.totals > 0)
    assert is_clear.sum() > 500
    torch.testing.assert_close(partly.shares[is_clear], known.shares[is_clear])


def test_shares_sum_to_one_and_nobodys_votes_are_for_no_object():
    votes = Votes(torch.tensor([[0.0, 0.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1e-30, 0.0]]), torch.zeros(1, 3).byte())
    assert votes.shares.tolist() == [[1.0, 0.0, 0.0], [0.25, 0.5, 0.25], [0.0, 1.0, 0.0]]


def test_a_label_that_no_object_has_is_refused():
    strange = relabelled(SCENE.views[0], torch.full_like(SCENE.views[0].photograph[..., 0], 7).short())
    with pytest.raises(ScorpError, match="label 7"):
        gather_votes(SCENE.gaussians, [strange], 2)


def test_broken_gaussians_get_no_votes_and_spoil_no_others():
    g = SCENE.gaussians
    votes = gather_votes(g, SCENE.views, 2)
    spoiled = replace(g, means=g.means.clone(), scales=g.scales.clone(), opacities=g.opacities.clone())
    spoiled.means[0], spoiled.means[1, 2] = float("nan"), float("inf")
    spoiled.scales[2], spoiled.opacities[3], spoiled.opacities[4] = float("nan"), 0.0, float("nan")
    found = gather_votes(spoiled, SCENE.views, 2)
    assert not found.weights[:5].any() and not found.shown[:, :5].any()
    assert found.shares[:5, 0].tolist() == [1.0] * 5
    # The corner of the plane that is missing hides no ball.
    torch.testing.assert_close(found.weights[SCENE.owners > 0], votes.weights[SCENE.owners > 0])


def test_votes_of_an_image_of_one_pixel():
    view = SCENE.views[0]
    tiny = replace(view, photograph=view.photograph[:1, :1], labels=torch.ones(1, 1, dtype=torch.int16))
    votes = gather_votes(SCENE.gaussians, [tiny], 2)
    assert float(votes.weights.sum()) <= 1.0 and not votes.weights[:, [0, 2]].any()
