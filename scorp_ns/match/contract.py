"""The contract of matchers, as a function that packages with one can call in their tests."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import Any

import numpy as np

from scorp_ns.errors import only_scorp_errors
from scorp_ns.match.example_pair import ExamplePair
from scorp_ns.match.matcher import Matcher, MatcherConfig, Matches

SAME = 0.01
"""Largest difference, in pixels, between two replies to the same question."""


def check_matcher(config: MatcherConfig, pair: ExamplePair) -> Matches:
    """The matches of a pair; an AssertionError tells of anything a run cannot rely on.

    `scorp_ns.match.example_pair` has a pair to begin with; its `misses` say how good the matches are. A matcher may
    refuse a pair with a ScorpError, which is passed on.
    """
    assert isinstance(config, MatcherConfig) and is_dataclass(config), "The config is no dataclass with build()."
    matcher = only_scorp_errors(config.build)
    assert isinstance(getattr(matcher, "knows_turns", None), bool), "'knows_turns' is neither True nor False."
    matches = _asked(matcher, pair.first, pair.second)
    again = _asked(only_scorp_errors(config.build), pair.first, pair.second)
    assert _is_same(matches, again), "The second reply to the same question is another one; use a fixed seed."
    blank = np.full_like(pair.first, 128)
    _asked(matcher, blank, pair.second)
    _asked(matcher, blank, blank)
    _asked(matcher, pair.second, pair.first)
    return matches


def _asked(matcher: Matcher, first: np.ndarray, second: np.ndarray) -> Matches:
    """The checked matches."""
    given = first.copy(), second.copy()
    matches = only_scorp_errors(lambda: matcher.match(*given))
    assert (given[0] == first).all() and (given[1] == second).all(), "A picture was changed; copy what you change."
    assert isinstance(matches, Matches), f"match() gave a {type(matches).__name__}; Matches are needed."
    _check_places("first", matches.first, first)
    _check_places("second", matches.second, second)
    scores = np.asarray(matches.scores)
    assert scores.ndim == 1 and ((scores >= 0) & (scores <= 1)).all(), "A score is not a number from 0 to 1."
    return matches


def _check_places(name: str, places: Any, picture: np.ndarray) -> None:
    """Raise an AssertionError unless all places are in the picture."""
    places = np.asarray(places)
    assert places.ndim == 2 and places.shape[1] == 2, f"'{name}' is not an array of columns and rows, [n, 2]."
    size = picture.shape[1::-1]
    assert ((places >= 0) & (places <= size)).all(), f"A place of '{name}' is outside its picture."


def _is_same(one: Matches, other: Matches) -> bool:
    """True if two replies hold the same matches, but for rounding."""
    return len(one) == len(other) and bool(
        np.allclose(one.first, other.first, rtol=0, atol=SAME)
        and np.allclose(one.second, other.second, rtol=0, atol=SAME)
    )
