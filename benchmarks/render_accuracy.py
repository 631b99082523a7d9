"""How far the CPU renderer is from the float64 oracle: largest image error, relative L2 error of each gradient.

python benchmarks/render_accuracy.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import comparison
from scenes import make_scene

from scorp_ns.render.rasterization import rasterization

SIZES = ((2_000, 160, 120), (10_000, 320, 240))


def row(n: int, width: int, height: int, sh_degree: int, mode: str) -> tuple[float, dict[str, float], float]:
    """Image error, gradient errors and the share of pixels left out, for one scene."""
    scene = make_scene(n, width, height, sh_degree=sh_degree, with_background=True)
    options = {"rasterize_mode": mode, "render_mode": "RGB+ED"}
    steady = comparison.steady_pixels(scene, options)
    expected = comparison.draw_dense(scene, steady, **options)
    found = comparison.draw(rasterization, scene, steady, **options)
    left_out = (~steady).float().mean().item()
    return (
        comparison.image_error(found.image, expected.image, steady),
        comparison.gradient_errors(found, expected),
        left_out,
    )


def main() -> None:
    print("RGB+ED, pixels near a hard cut-off left out")
    columns = "".join(f"{name:>12}" for name in ("image", *comparison.PARAMETERS, "left out"))
    print(f"{'scene':>34}{columns}")
    for size in SIZES:
        for sh_degree in (0, 3):
            for mode in ("classic", "antialiased"):
                image, gradients, left_out = row(*size, sh_degree, mode)
                errors = "".join(f"{gradients[name]:>12.1e}" for name in comparison.PARAMETERS)
                n, width, height = size
                print(f"{f'{n}, {width}x{height}, SH {sh_degree}, {mode}':>34}{image:>12.1e}{errors}{left_out:>12.2%}")


if __name__ == "__main__":
    main()
