"""One map brings a proxy's colours to the photographs', whatever highlights and wrong pixels say."""

from __future__ import annotations

import pytest
import torch

from scorp_ns.appearance.color_map import ColorMap, fit_color_map

TRUTH = ColorMap(torch.tensor([[0.7, 0.1, 0.0], [0.05, 0.8, 0.05], [0.0, 0.1, 0.6]]), torch.tensor([0.05, 0.02, 0.1]))

CLOSE = 0.02
"""Less than this is the same colour to the eye."""


def colors(number: int = 500) -> torch.Tensor:
    return torch.rand(number, 3, generator=torch.Generator().manual_seed(0))


def largest_error(found: ColorMap) -> float:
    return float((found.apply(colors()) - TRUTH.apply(colors())).abs().max())


def test_the_map_of_clean_colours_is_found():
    found = fit_color_map(colors(), TRUTH.apply(colors()), torch.ones(500))
    assert largest_error(found) < CLOSE


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_highlights_do_not_brighten_the_rest(share: float):
    observed = TRUTH.apply(colors())
    observed[: round(500 * share)] = 1.0
    assert largest_error(fit_color_map(colors(), observed, torch.ones(500))) < 2 * CLOSE


def test_points_without_weight_have_no_say():
    observed, weights = TRUTH.apply(colors()), torch.ones(500)
    observed[:400], weights[:400] = 0.0, 0.0
    assert largest_error(fit_color_map(colors(), observed, weights)) < CLOSE


def test_nothing_seen_changes_nothing():
    found = fit_color_map(colors(), torch.zeros(500, 3), torch.zeros(500))
    torch.testing.assert_close(found.apply(colors()), colors())


def test_an_object_of_one_colour_becomes_the_colour_that_was_seen_and_no_other_colour_runs_away():
    base, seen = torch.tensor([[0.5, 0.4, 0.3]]).repeat(200, 1), torch.tensor([[0.3, 0.3, 0.35]]).repeat(200, 1)
    found = fit_color_map(base, seen, torch.ones(200))
    assert float((found.apply(base) - seen).abs().max()) < CLOSE
    assert float((found.apply(colors()) - colors()).abs().max()) < 0.3


def test_colours_stay_in_the_gamut():
    mapped = ColorMap(2 * torch.eye(3), torch.full((3,), -0.5)).apply(colors())
    assert float(mapped.min()) >= 0 and float(mapped.max()) <= 1
