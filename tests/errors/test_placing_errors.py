"""Every reason not to believe a place is told as in placing_messages.json, but for its numbers, and none is a crash.

After a deliberate change of wording, `SCORP_WRITE_MESSAGES=1 pytest tests/errors` writes the file anew, to be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from ball_proxies import COARSE, ball_proxy
from message_snapshots import check_message, check_names
from pose_requests import ALL_TROUBLE, Case, Trouble, make_case

from scorp_ns.errors import CancelledError, MatchingError
from scorp_ns.fields.distillation import distill
from scorp_ns.fields.proxy_field import ProxyField
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.generate.generator import Work
from scorp_ns.match.config import MatchingConfig
from scorp_ns.match.matcher import Matches
from scorp_ns.pose.config import SearchConfig
from scorp_ns.products import Proxy, ProxyRequest, Support
from scorp_ns.stages.place import FeatureMatching, PlacingError, place

MESSAGES = Path(__file__).parent / "placing_messages.json"

QUICK = SearchConfig(num_rotations=600, num_fitted=60, num_compared=8, num_polished=2)

CLEAN = Trouble()

FINER = replace(COARSE, distance_resolutions=(64,), color_resolutions=(16, 32), log2_table_size=14, fit_steps=30)


@cache
def case(name: str, trouble: Trouble = ALL_TROUBLE, also: str | None = None) -> Case:
    return make_case(name, seed=7, num_sights=8, trouble=trouble, also=also)


@cache
def field_of(name: str, trouble: Trouble) -> ProxyField:
    return distill(case(name, trouble).mesh, FINER)


def proxy_of(name: str, trouble: Trouble = ALL_TROUBLE) -> Proxy:
    return replace(ball_proxy(), name=name, field=field_of(name, trouble))


def placed(request: ProxyRequest, proxy: Proxy, matching: FeatureMatching | None = None, work: Work | None = None):
    return place(proxy, request, Similarity.identity(), QUICK, work or Work(), matching)


def ball_for_a_mug() -> None:
    placed(case("mug").request, replace(ball_proxy(), name="mug"))


def proxy_of_another_object() -> None:
    placed(case("chair").request, replace(proxy_of("bottle"), name="chair"))


def masks_of_two_objects() -> None:
    placed(case("car", also="duck").request, proxy_of("car"))


def one_view() -> None:
    clean = case("mug", CLEAN)
    placed(replace(clean.request, windows=clean.request.windows[3:4]), proxy_of("mug", CLEAN))


def no_view() -> None:
    placed(replace(case("mug").request, windows=()), replace(ball_proxy(), name="mug"))


FAULTS: dict[str, Callable[[], None]] = {
    fault.__name__: fault
    for fault in (ball_for_a_mug, proxy_of_another_object, masks_of_two_objects, one_view, no_view)
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_place_that_is_not_to_be_believed_is_refused_with_its_reason(name: str):
    with pytest.raises(PlacingError) as caught:
        FAULTS[name]()
    check_message(MESSAGES, name, re.sub(r"\d+(\.\d+)?", "#", str(caught.value)), FAULTS)
    assert (caught.value.T_world_refused is None) == (name == "no_view")


def test_every_reason_has_its_message():
    check_names(MESSAGES, FAULTS)


def few_gaussians(request: ProxyRequest) -> ProxyRequest:
    return replace(request, gaussians=request.gaussians[torch.arange(10)], visibility=torch.ones(10))


def wrong_support(request: ProxyRequest) -> ProxyRequest:
    up = torch.nn.functional.normalize(torch.tensor([1.0, 0.4, -0.2]), dim=0)
    return replace(request, up=up, support=Support(torch.tensor([5.0, 0.0, 0.0]), up))


def depths_of_nothing(request: ProxyRequest) -> ProxyRequest:
    return replace(
        request, windows=tuple(replace(one, depth=np.full_like(one.depth, np.inf)) for one in request.windows)
    )


def a_mask_of_one_pixel(request: ProxyRequest) -> ProxyRequest:
    sight = request.windows[0]
    roles = np.full_like(sight.trimap, 255)
    roles[50, 50] = 188
    return replace(request, windows=(replace(sight, trimap=roles), *request.windows[1:]))


@pytest.mark.parametrize("harm", [few_gaussians, wrong_support, depths_of_nothing, a_mask_of_one_pixel])
def test_what_is_bad_but_not_hopeless_gives_a_good_place_or_a_reason(harm: Callable[[ProxyRequest], ProxyRequest]):
    clean = case("mug", CLEAN)
    try:
        found = placed(harm(clean.request), proxy_of("mug", CLEAN))
    except PlacingError as error:
        assert "not to be believed" in str(error)
        return
    errors = clean.errors(found.T_world_proxy)
    assert errors.rotation_deg < 5 and errors.scale_pct < 4 and errors.translation_pct < 4


@dataclass
class Failing:
    """A matcher that raises something."""

    error: Exception
    knows_turns: bool = True

    def match(self, first: np.ndarray, second: np.ndarray) -> Matches:
        raise self.error


@pytest.mark.parametrize("error", [MatchingError("No memory.", "More.", "Buy some."), KeyError("foreign")])
def test_a_matcher_that_fails_costs_its_poses_only(error: Exception):
    clean, warnings = case("mug", CLEAN), []
    matching = FeatureMatching(Failing(error), MatchingConfig(num_sights=2, num_renders=2))
    proxy = proxy_of("mug", CLEAN)
    found = placed(clean.request, proxy, matching, Work(warn=warnings.append))
    without = placed(clean.request, proxy)
    assert torch.equal(found.T_world_proxy.matrix, without.T_world_proxy.matrix)
    (warning,) = warnings
    assert warning.startswith("The proxy of 'mug' is placed without matches. ")
    assert ("No memory." in warning) or ("KeyError: 'foreign'" in warning)


def test_placing_is_stopped_while_matching():
    clean, work = case("mug", CLEAN), Work()
    work.cancelled.set()
    with pytest.raises(CancelledError):
        placed(clean.request, ball_proxy(), FeatureMatching(Failing(KeyError()), MatchingConfig()), work)
