"""Proxies are placed by partial views, and refused where they do not belong."""

from __future__ import annotations

import pytest
from pose_requests import Trouble, is_right, make_case

from scorp_ns.pose.config import SearchConfig
from scorp_ns.pose.search import search_pose


@pytest.mark.parametrize("name", ["mug", "chair", "bottle"])
def test_pose_of_a_partial_view_is_found(name: str):
    case = make_case(name, seed=3, trouble=Trouble())
    result = search_pose(case.request, case.mesh, SearchConfig())
    assert result.best is not None and is_right(case.errors(result.best.T_capture_proxy))
    assert result.is_trusted, result.reason
