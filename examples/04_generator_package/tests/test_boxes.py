"""Boxes are generated as the contract wants it."""

from __future__ import annotations

import pytest
from boxes.generator import BoxesConfig

from scorp_ns.errors import GenerationError
from scorp_ns.generate.contract import check_generator
from scorp_ns.generate.example_request import example_request


def test_boxes_hold_to_the_contract():
    assert check_generator(BoxesConfig(swelling=1.2), example_request()).made_by == "boxes 0.1"


def test_a_box_of_no_size_is_refused():
    with pytest.raises(GenerationError):
        BoxesConfig(swelling=0.0).build()
