"""The contract of one view's votes on the CPU: what adds up, what is refused, and what changes nothing.

That the votes are the renderer's weights is the business of tests/parity.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import tolerances
import torch
from torch import Tensor

from scorp_ns.errors import ScorpError
from scorp_ns.render.cpu import label_weights as kernels
from scorp_ns.render.label_weights import label_weights
from scorp_ns.render.rasterization import rasterization

# Shapes are checked twice in tests; the messages below are those a user sees, without the checking wrapper.
unchecked = inspect.unwrap(label_weights)


def scene(n: int = 200, width: int = 50, height: int = 40, num_labels: int = 3) -> dict[str, Any]:
    """Arguments with n Gaussians four units before the camera, and labels in stripes that start with unknown."""
    generator = torch.Generator().manual_seed(n)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    stripes = torch.arange(width) * (num_labels + 1) // width - 1
    return {
        "means": normal(n, 3) + torch.tensor([0.0, 0.0, 4.0]),
        "quats": normal(n, 4),
        "scales": 0.1 * normal(n, 3).exp(),
        "opacities": normal(n).sigmoid(),
        "viewmat": torch.eye(4),
        "K": torch.tensor([[60.0, 0.0, width / 2], [0.0, 60.0, height / 2], [0.0, 0.0, 1.0]]),
        "labels": stripes.expand(height, -1).contiguous(),
        "num_labels": num_labels,
    }


def lone_gaussian(size: float, opacity: float = 0.9) -> dict[str, Any]:
    """Arguments with a single ball, so many pixels in size, in the middle of an image of one label."""
    one = {
        "means": torch.tensor([[0.0, 0.0, 4.0]]),
        "quats": torch.tensor([[1.0, 0.0, 0.0, 0.0]]),
        "scales": torch.full((1, 3), 4.0 / 60.0 * size),
        "opacities": torch.tensor([opacity]),
        "labels": torch.zeros(80, 100, dtype=torch.int64),
        "num_labels": 1,
    }
    return {**scene(width=100, height=80), **one}


@pytest.mark.parametrize("mode", ["classic", "antialiased"])
def test_labels_and_unknown_pixels_share_all_that_is_drawn(mode: str) -> None:
    arguments = scene()
    weights, _ = label_weights(**arguments, rasterize_mode=mode)
    # The unknown pixels as one more label.
    everything = {**arguments, "labels": arguments["labels"] + 1, "num_labels": 4}
    complete, _ = label_weights(**everything, rasterize_mode=mode)
    assert torch.equal(complete[:, 1:], weights)
    assert complete[:, 0].any()
    gaussians = (arguments[name] for name in ("means", "quats", "scales", "opacities"))
    camera = (arguments["viewmat"][None], arguments["K"][None], 50, 40)
    _, alpha, _ = rasterization(*gaussians, torch.ones(200, 1), *camera, rasterize_mode=mode)
    torch.testing.assert_close(complete.sum(), alpha.sum(), rtol=tolerances.VOTES, atol=0.0)


def test_unknown_pixels_vote_for_nobody_but_are_seen() -> None:
    arguments = scene()
    _, expected = label_weights(**arguments)
    weights, shown = label_weights(**{**arguments, "labels": torch.full((40, 50), -1)})
    assert not weights.any()
    torch.testing.assert_close(shown, expected)
    deep_below_zero = {**arguments, "labels": arguments["labels"].masked_fill(arguments["labels"] < 0, -(2**40))}
    assert torch.equal(label_weights(**deep_below_zero)[0], label_weights(**arguments)[0])


def test_permuted_labels_permute_the_columns() -> None:
    arguments = scene(num_labels=5)
    order = torch.tensor([3, 0, 4, 1, 2])
    labels = arguments["labels"]
    renamed = torch.where(labels >= 0, order[labels], -1)
    expected, shown = label_weights(**arguments)
    found, shown_again = label_weights(**{**arguments, "labels": renamed})
    assert torch.equal(found[:, order], expected)
    assert torch.equal(shown_again, shown)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_labels_may_be_any_whole_numbers(dtype: torch.dtype) -> None:
    arguments = scene()
    arguments["labels"] = arguments["labels"].clamp(min=0)
    expected, _ = label_weights(**arguments)
    found, _ = label_weights(**{**arguments, "labels": arguments["labels"].to(dtype)})
    assert torch.equal(found, expected)


def test_labels_that_do_not_occur_get_nothing() -> None:
    arguments = scene()
    expected, _ = label_weights(**arguments)
    found, _ = label_weights(**{**arguments, "num_labels": 300})
    assert torch.equal(found[:, :3], expected)
    assert not found[:, 3:].any()


@pytest.mark.parametrize("n", [0, 5])
def test_nothing_in_sight_gets_no_votes(n: int) -> None:
    arguments = scene(n)
    arguments["means"][:, 2] -= 100
    weights, shown = label_weights(**arguments)
    assert weights.shape == (n, 3)
    assert shown.shape == (n,)
    assert not weights.any()
    assert not shown.any()


def test_one_pixel_gets_what_it_shows() -> None:
    arguments = {**scene(1, width=1, height=1), "means": torch.tensor([[0.0, 0.0, 4.0]])}
    arguments.update(opacities=torch.tensor([0.5]), labels=torch.tensor([[2]]))
    weights, _ = label_weights(**arguments)
    torch.testing.assert_close(weights, torch.tensor([[0.0, 0.0, 0.5]]))


@pytest.mark.parametrize("opacity", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("size", [0.01, 1.0, 5.0])
def test_a_gaussian_in_free_sight_shows_all_of_itself(size: float, opacity: float) -> None:
    _, shown = label_weights(**lone_gaussian(size, opacity))
    assert abs(shown.item() - 1.0) < tolerances.SHOWN


def test_a_gaussian_on_the_border_shows_half_of_itself() -> None:
    arguments = lone_gaussian(5.0)
    arguments["K"][0, 2] = 0.0
    _, shown = label_weights(**arguments)
    assert abs(shown.item() - 0.5) < tolerances.SHOWN


def test_a_gaussian_shows_what_those_before_it_leave() -> None:
    arguments = lone_gaussian(2.0)
    before = {name: torch.cat([arguments[name], arguments[name]]) for name in ("means", "quats", "scales", "opacities")}
    before["means"][0, 2] = 1.0
    before["scales"][0] = 10.0
    before["opacities"] = torch.tensor([0.7, 0.9])
    _, shown = label_weights(**{**arguments, **before})
    assert abs(shown[1].item() - 0.3) < tolerances.SHOWN


@pytest.mark.parametrize(("name", "value"), [("means", torch.nan), ("scales", torch.inf), ("opacities", torch.nan)])
def test_a_gaussian_that_is_not_finite_gets_no_votes(name: str, value: float) -> None:
    arguments = scene()
    names = ("means", "quats", "scales", "opacities")
    sound = {**arguments, **{key: arguments[key][3:] for key in names}}
    arguments[name][:3] = value
    weights, shown = label_weights(**arguments)
    assert not weights[:3].any()
    assert not shown[:3].any()
    assert torch.equal(weights[3:], label_weights(**sound)[0])


@pytest.mark.parametrize("sums_at_once", [kernels.SUMS_AT_ONCE, 1000])
def test_votes_do_not_depend_on_the_number_of_threads(
    sums_at_once: int, num_threads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = scene(n=5000, width=150, height=100, num_labels=20)
    num_threads(1)
    expected = label_weights(**arguments)
    monkeypatch.setattr(kernels, "SUMS_AT_ONCE", sums_at_once)
    for count in (1, 2, 5):
        num_threads(count)
        found = label_weights(**arguments)
        assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True)), count


def test_voting_leaves_gradients_and_chance_alone() -> None:
    arguments = scene()
    arguments["means"].requires_grad_()
    state = torch.get_rng_state()
    weights, shown = label_weights(**arguments)
    assert torch.equal(torch.get_rng_state(), state)
    assert not weights.requires_grad
    assert not shown.requires_grad
    assert arguments["means"].grad is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"quats": torch.ones(200, 3)},
            "label_weights got quats of shape [200, 3]. It has to be [200, 4]. "
            "Check that all arguments describe the same Gaussians and one camera.",
        ),
        (
            {"viewmat": torch.eye(4)[None]},
            "label_weights got viewmat of shape [1, 4, 4]. It has to be [4, 4]. "
            "Check that all arguments describe the same Gaussians and one camera.",
        ),
        (
            {"K": torch.eye(3, device="meta")},
            "label_weights got K on meta, and means on cpu. Gaussians and camera have to be on one device. "
            "Convert K with .to(means.device).",
        ),
        (
            {"labels": torch.zeros(1, 40, 50, dtype=torch.int64)},
            "label_weights got labels of shape [1, 40, 50] as torch.int64. It has to be one image of whole numbers, "
            "[height, width], with at least one pixel. Pass one view's label image at a time, as int64 for instance.",
        ),
        (
            {"labels": torch.zeros(40, 50)},
            "label_weights got labels of shape [40, 50] as torch.float32. It has to be one image of whole numbers, "
            "[height, width], with at least one pixel. Pass one view's label image at a time, as int64 for instance.",
        ),
        (
            {"num_labels": 2},
            "label_weights got the label 2 in an image. Labels have to be below num_labels=2, or negative where they "
            "are unknown. Pass the number of all labels, or check that the image belongs to this capture.",
        ),
        (
            {"rasterize_mode": "antialised"},
            "label_weights got rasterize_mode='antialised'. It is one of classic, antialiased. Check the spelling.",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ScorpError) as refusal:
        unchecked(**{**scene(), **changes})
    assert str(refusal.value) == message
