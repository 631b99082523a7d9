"""The arithmetic of a tile's rows is what mathematics says, to float32's precision."""

from __future__ import annotations

import numpy as np

from scorp_ns.render.cpu.blend_math import exp2
from scorp_ns.render.cpu.jit import kernel
from scorp_ns.render.cpu.lanes import load, store


def test_the_exponential_is_accurate_to_float32() -> None:
    @kernel
    def powers(exponents: np.ndarray, out: np.ndarray) -> None:
        for start in range(0, exponents.shape[0], 16):
            store(out, start, exp2(load(exponents, start)))

    exponents = np.linspace(-20, 3, 16 * 1000, dtype=np.float32)
    found = np.empty_like(exponents)
    powers(exponents, found)
    expected = np.exp2(exponents.astype(np.float64))
    assert np.abs(found / expected - 1).max() < 3e-7
