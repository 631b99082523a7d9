"""Proxies are set down as the contract wants it."""

from __future__ import annotations

import pytest
from settle.stage import SettleConfig, SettleFacts

from scorp_ns.api import ScorpError
from scorp_ns.run.api import DONE, SKIPPED, check_stage


def test_settling_holds_to_the_contract():
    facts = check_stage(SettleConfig(most=0.1))["ball"]
    # The proxy of the example hovers by a centimetre, and is a ball of ten; its Gaussians lie a little inside.
    assert isinstance(facts, SettleFacts) and facts.state == DONE
    assert facts.moved == pytest.approx(0.1 / 3**0.5, rel=0.2)


def test_a_proxy_far_above_the_plane_stays():
    assert check_stage(SettleConfig(most=0.01))["ball"].state == SKIPPED


def test_no_share_is_refused():
    with pytest.raises(ScorpError):
        SettleConfig(most=0.0).build()
