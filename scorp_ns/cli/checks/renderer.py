"""The renderer for machines without a GPU."""

from __future__ import annotations

from time import perf_counter

from scorp_ns.cli.findings import Answer, failure, ok, warning

SIZE = 32
"""Width and height of the trial image, in pixels."""


def kernel_cache() -> Answer:
    """Where compiled kernels are kept, and whether there are any yet."""
    import numba

    from scorp_ns.render.cpu.kernel_cache import EXPECTED_COMPILE_SECONDS, cache_directory

    directory, compiler = cache_directory(), f"numba {numba.__version__}"
    if directory is None:
        do = "Set NUMBA_CACHE_DIR to a folder that only you can write to."
        return warning(f"{compiler}; no folder to keep kernels in, so every run compiles them", do)
    if not any(directory.rglob("*.nbc")):
        seconds = EXPECTED_COMPILE_SECONDS
        return ok(f"{compiler}; nothing compiled yet in {directory}: the first run takes some {seconds} s longer")
    return ok(f"{compiler}; compiled ones in {directory}")


def cpu_renderer() -> Answer:
    """Whether a Gaussian is drawn and differentiated on the CPU."""
    start = perf_counter()
    brightness, has_gradients = _trial_render()
    if not (0.5 < brightness < 1.0 and has_gradients):
        return failure(f"a Gaussian that has to be bright came out as {brightness}", "Please report it.")
    return ok(f"draws and differentiates {SIZE}x{SIZE} pixels ({perf_counter() - start:.1f} s)")


def _trial_render() -> tuple[float, bool]:
    """How bright a white Gaussian is in its middle, and whether its gradients are finite."""
    import torch

    from scorp_ns.render import rasterization

    means = torch.tensor([[0.0, 0.0, 3.0]], requires_grad=True)
    K = torch.tensor([[SIZE, 0.0, SIZE / 2], [0.0, SIZE, SIZE / 2], [0.0, 0.0, 1.0]])
    image, _, _ = rasterization(
        means,
        quats=torch.tensor([[1.0, 0.0, 0.0, 0.0]]),
        scales=torch.full((1, 3), 0.3),
        opacities=torch.tensor([0.9]),
        colors=torch.ones(1, 3),
        viewmats=torch.eye(4)[None],
        Ks=K[None],
        width=SIZE,
        height=SIZE,
    )
    # A row off the middle: there the image depends on where the Gaussian is.
    image[0, SIZE // 4].sum().backward()
    gradient = means.grad
    has_gradients = gradient is not None and bool(gradient.isfinite().all() and gradient.any())
    return float(image.detach()[0, SIZE // 2, SIZE // 2].mean()), has_gradients
