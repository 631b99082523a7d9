"""Messages name what people may have meant."""

from __future__ import annotations

import pytest

from scorp_ns.messages import did_you_mean, unknown_objects

NAMES = ("truck", "mug", "Tea pot")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["trukc"], "Did you mean 'truck'?"),
        (["MUG", "trcuk"], "Did you mean 'mug', 'truck'?"),
        (["teapot", "tea-pot"], "Did you mean 'Tea pot'?"),
        (["excavator"], "Correct the name."),
    ],
)
def test_the_nearest_names_are_suggested(wrong: list[str], said: str):
    assert did_you_mean(wrong, NAMES) == said


def test_an_unknown_object_is_told_with_all_known_ones():
    found, needed, do = unknown_objects("--object", ["trukc"], NAMES, "run", "Train with masks.")
    assert found == "--object names 'trukc', but the run has no object of that name."
    assert needed == "The run's objects are 'truck', 'mug', 'Tea pot'." and do == "Did you mean 'truck'?"
    assert unknown_objects("--object", ["mug"], (), "run", "Train with masks.")[1:] == (
        "The run has no objects at all.",
        "Train with masks.",
    )
