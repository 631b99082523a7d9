"""Splits of the missing-viewpoint protocol hold what they promise, whatever way the cameras stand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from scorp_ns.errors import CaptureError
from scorp_ns.evaluate.missing_views import azimuths_deg, split_by_azimuth, split_from_lists


def around(number: int, first: float = 0.0, covered: float = 360.0) -> dict[str, float]:
    return {f"{index:04d}.jpg": (first + covered * index / number) % 360 for index in range(number)}


@pytest.mark.parametrize("missing", [Fraction(2, 3), Fraction(4, 5), Fraction(6, 7)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_arc_is_as_wide_as_is_left_of_the_circle(missing: Fraction, seed: int):
    azimuths = around(180)
    split = split_by_azimuth(missing, azimuths, seed)
    arc = [*split.train, *split.in_arc]
    assert abs(len(arc) / 180 - float(1 - missing)) < 0.02
    angles = np.sort([azimuths[name] for name in arc])
    assert np.diff(angles, append=angles[0] + 360).max() > 360 * float(missing) - 5, "the views lie side by side"


def test_every_view_serves_once():
    azimuths = around(80)
    split = split_by_azimuth(Fraction(2, 3), azimuths, seed=0)
    assert sorted([*split.train, *split.in_arc, *split.withheld]) == sorted(azimuths)
    assert set(split.back) < set(split.withheld)


def test_a_fifth_of_the_arc_is_held_out():
    split = split_by_azimuth(Fraction(1, 2), around(100), seed=0)
    assert len(split.in_arc) == pytest.approx(len(split.train) / 4, abs=1)


def test_views_from_behind_are_opposite_the_arc():
    azimuths = around(72)
    arc = [name for name, angle in azimuths.items() if angle < 72]
    rest = [name for name in azimuths if name not in arc]
    split = split_from_lists(Fraction(4, 5), arc, rest, azimuths)
    away = [abs((azimuths[name] - 34 + 180) % 360 - 180) for name in split.back]
    assert min(away) >= 129 and len(split.back) == pytest.approx(20, abs=2)


def test_without_views_from_behind_the_furthest_third_serves():
    azimuths = around(30, covered=120)
    split = split_by_azimuth(Fraction(1, 2), azimuths, seed=0)
    assert len(split.back) == max(1, len(split.withheld) // 3)


def test_of_a_part_of_the_circle_that_parts_share_is_missing():
    split = split_by_azimuth(Fraction(1, 2), around(60, first=300, covered=120), seed=3)
    assert len(split.train) + len(split.in_arc) == pytest.approx(30, abs=2)


def test_the_seed_decides_where_the_arc_lies():
    assert split_by_azimuth(Fraction(2, 3), around(60), 0) == split_by_azimuth(Fraction(2, 3), around(60), 0)
    assert split_by_azimuth(Fraction(2, 3), around(60), 0) != split_by_azimuth(Fraction(2, 3), around(60), 1)


def test_too_few_views_are_refused():
    with pytest.raises(CaptureError, match="9/10"):
        split_by_azimuth(Fraction(9, 10), around(20), seed=0)


def test_azimuths_turn_with_the_camera_about_any_axis():
    up = np.array([0.2, -0.5, 0.8])
    up /= np.linalg.norm(up)
    side = np.cross(up, [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    angles = np.radians(np.arange(0, 360, 10))
    center = np.array([1.0, 2.0, 3.0])
    ring = center + 2 * (np.cos(angles)[:, None] * side + np.sin(angles)[:, None] * np.cross(up, side)) + 0.3 * up
    found = azimuths_deg(ring, center, up)
    np.testing.assert_allclose((found - found[0]) % 360, np.arange(0, 360, 10), atol=1e-6)
