"""What several unit tests set up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch


@pytest.fixture
def num_threads() -> Iterator[Any]:
    """A function that sets torch's number of threads for the duration of a test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)
