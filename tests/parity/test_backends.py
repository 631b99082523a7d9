"""gsplat on CUDA against our kernels on the CPU: the same call, the same image, the same gradients."""

from __future__ import annotations

import comparison
import pytest
import tolerances
import torch
from scenes import make_scene

from scorp_ns.render.rasterization import rasterization

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("mode", ["classic", "antialiased"])
@pytest.mark.parametrize("render_mode", ["RGB", "ED", "RGB+D", "RGB+ED"])
@pytest.mark.parametrize("sh_degree", [None, 0, 3])
def test_backends_agree(sh_degree, render_mode, mode):
    options = {"rasterize_mode": mode, "render_mode": render_mode}
    scene = make_scene(2_000, 160, 120, num_views=2, sh_degree=sh_degree, with_background=True)
    steady = comparison.steady_pixels(scene, options)
    on_gpu = comparison.draw(rasterization, scene, steady, device="cuda", packed=False, absgrad=True, **options)
    on_cpu = comparison.draw(rasterization, scene, steady, packed=False, absgrad=True, **options)
    assert comparison.image_error(on_gpu.image, on_cpu.image, steady) < tolerances.IMAGE
    assert comparison.image_error(on_gpu.alpha, on_cpu.alpha, steady) < tolerances.IMAGE
    errors = comparison.gradient_errors(on_gpu, on_cpu)
    for name in ("grad", "absgrad"):
        pulls = (getattr(on.means2d, name).double().cpu() for on in (on_gpu, on_cpu))
        errors[name] = comparison.relative_l2(*pulls)
    assert max(errors.values()) < tolerances.BACKEND_GRADIENT, errors


@pytest.mark.parametrize("channels", [1, 5, 17, 40])
def test_backends_agree_on_features(channels):
    scene = make_scene(500, 100, 75, channels=channels, with_background=True)
    steady = comparison.steady_pixels(scene, {})
    on_gpu = comparison.draw(rasterization, scene, steady, device="cuda")
    on_cpu = comparison.draw(rasterization, scene, steady)
    assert comparison.image_error(on_gpu.image, on_cpu.image, steady) < tolerances.IMAGE
    assert max(comparison.gradient_errors(on_gpu, on_cpu).values()) < tolerances.BACKEND_GRADIENT


def test_backends_give_the_same_facts_about_projected_gaussians():
    scene = make_scene(500, 100, 75, num_views=2)
    infos = [rasterization(**scene.arguments(device=device), packed=False)[2] for device in ("cuda", "cpu")]
    on_gpu, on_cpu = infos
    assert torch.equal(on_gpu["radii"].cpu(), on_cpu["radii"])
    seen = on_cpu["radii"] > 0
    for name in ("means2d", "depths", "conics", "opacities"):
        difference = comparison.relative_l2(on_gpu[name].cpu()[seen].double(), on_cpu[name][seen].double())
        assert difference < tolerances.GRADIENT, name
