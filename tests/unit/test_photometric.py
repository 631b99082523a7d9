"""The photometric loss against pytorch-msssim in float64, at edges, and on any number of threads."""

from __future__ import annotations

import pytest
import pytorch_msssim
import tolerances
import torch
from jaxtyping import Float
from torch import Tensor

from scorp_ns.render.photometric import photometric_loss, ssim


def images(height: int, width: int, noise: float = 0.1, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """A smooth photograph with some grain, and a noisy copy of it that requires a gradient."""
    generator = torch.Generator().manual_seed(7)
    rows, columns = torch.meshgrid(torch.linspace(0, 6, height), torch.linspace(0, 9, width), indexing="ij")
    smooth = torch.stack([rows.sin(), (rows + columns).cos(), columns.sin()], dim=-1) * 0.3 + 0.5
    target = smooth + 0.03 * torch.randn(height, width, 3, generator=generator)
    prediction = target + noise * torch.randn(height, width, 3, generator=generator)
    return prediction.to(dtype).requires_grad_(), target.to(dtype)


def reference_ssim(prediction: Float[Tensor, "h w 3"], target: Float[Tensor, "h w 3"]) -> Tensor:
    """pytorch-msssim's value with a window that sums to one in float64; its own does so in float32 only."""
    weights = torch.exp(-0.5 * ((torch.arange(11, dtype=torch.float64) - 5) / 1.5) ** 2)
    window = (weights / weights.sum()).expand(3, 1, 1, 11)
    batches = (image.permute(2, 0, 1)[None] for image in (prediction, target))
    return pytorch_msssim.ssim(*batches, data_range=1.0, win=window)


def reference_loss(prediction: Tensor, target: Tensor, ssim_weight: float = 0.2) -> tuple[Tensor, Tensor]:
    """The loss and its gradient in float64, by pytorch-msssim and autograd."""
    prediction, target = prediction.detach().double().requires_grad_(), target.double()
    difference = (prediction - target).abs().mean()
    loss = (1 - ssim_weight) * difference + ssim_weight * (1 - reference_ssim(prediction, target))
    return loss.detach(), torch.autograd.grad(loss, prediction)[0]


def assert_agrees_with_reference(prediction: Tensor, target: Tensor, ssim_weight: float = 0.2) -> None:
    loss = photometric_loss(prediction, target, ssim_weight)
    (gradient,) = torch.autograd.grad(loss, prediction)
    expected_loss, expected = reference_loss(prediction, target, ssim_weight)
    assert abs(loss.item() - expected_loss.item()) < tolerances.LOSS
    assert (gradient - expected).norm() < tolerances.LOSS_GRADIENT * expected.norm()


@pytest.mark.parametrize("noise", [0.3, 0.1, 0.01])
@pytest.mark.parametrize("size", [(11, 11), (12, 40), (75, 100), (241, 319)])
def test_loss_and_gradient_agree_with_msssim_in_float64(size, noise):
    assert_agrees_with_reference(*images(*size, noise=noise))


@pytest.mark.parametrize("ssim_weight", [0.0, 0.2, 1.0])
def test_loss_honours_its_weight(ssim_weight):
    assert_agrees_with_reference(*images(33, 47), ssim_weight)


@pytest.mark.filterwarnings("ignore:Skipping Gaussian Smoothing")
@pytest.mark.parametrize("size", [(5, 40), (40, 5), (3, 3)])
def test_short_sides_are_not_blurred(size):
    assert_agrees_with_reference(*images(*size))


def test_gradient_agrees_with_finite_differences():
    prediction, target = images(20, 23, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(photometric_loss(prediction, target), prediction)
    direction = torch.randn(prediction.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    step, base = 1e-7, prediction.detach()
    measured = photometric_loss(base + step * direction, target) - photometric_loss(base - step * direction, target)
    predicted = (gradient * direction).sum()
    assert abs(measured / (2 * step) - predicted) < tolerances.FINITE_DIFFERENCE * gradient.norm() * direction.norm()


def test_identical_images_lose_nothing_and_pull_nowhere():
    _, target = images(30, 40)
    prediction = target.clone().requires_grad_()
    loss = photometric_loss(prediction, target)
    loss.backward()
    assert loss.item() == 0
    assert (prediction.grad == 0).all()
    assert ssim(target, target) == 1


@pytest.mark.parametrize("levels", [(0.0, 0.0), (0.0, 1.0), (0.7, 0.71), (1.0, 1.0)])
def test_constant_images_agree_with_the_luminance_formula(levels):
    prediction, target = (torch.full((24, 30, 3), level) for level in levels)
    a, b = levels
    expected = (2 * a * b + 1e-4) / (a * a + b * b + 1e-4)
    assert abs(ssim(prediction, target).item() - expected) < tolerances.LOSS
    if a != b:
        assert_agrees_with_reference(prediction.requires_grad_(), target)


def test_ssim_is_msssims_ssim():
    prediction, target = images(64, 48)
    expected = reference_ssim(prediction.detach().double(), target.double())
    assert abs(ssim(prediction, target).item() - expected.item()) < tolerances.LOSS


@pytest.mark.parametrize("poisoned", [0, 1])
def test_nan_makes_the_loss_and_its_neighbourhoods_gradient_nan(poisoned):
    pair = [image.detach().clone() for image in images(40, 40)]
    pair[poisoned][20, 20, 1] = torch.nan
    prediction = pair[0].requires_grad_()
    loss = photometric_loss(prediction, pair[1])
    loss.backward()
    assert loss.isnan()
    assert prediction.grad[10:31, 10:31, 1].isnan().all()
    assert prediction.grad[:10].isfinite().all()


def test_strided_images_give_the_same_result_as_contiguous_ones():
    prediction, target = images(40, 30)
    turned = prediction.detach().permute(2, 1, 0).contiguous().permute(2, 1, 0).requires_grad_()
    assert not turned.is_contiguous()
    strided_target = torch.stack([target, target], dim=-1)[..., 0]
    (expected,) = torch.autograd.grad(photometric_loss(prediction, target), prediction)
    (gradient,) = torch.autograd.grad(photometric_loss(turned, strided_target), turned)
    assert gradient.equal(expected)


def test_loss_without_gradient_has_the_same_value():
    prediction, target = images(40, 30)
    with_gradient = photometric_loss(prediction, target)
    without = photometric_loss(prediction.detach(), target)
    assert not without.requires_grad
    assert abs(with_gradient.item() - without.item()) < tolerances.LOSS


def test_target_receives_no_gradient():
    prediction, target = images(20, 20)
    target.requires_grad_()
    photometric_loss(prediction, target).backward()
    assert prediction.grad is not None
    assert target.grad is None


def test_result_does_not_depend_on_the_number_of_threads():
    results = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            prediction, target = images(130, 90)
            loss = photometric_loss(prediction, target)
            loss.backward()
            results.append((loss.item(), prediction.grad))
    finally:
        torch.set_num_threads(before)
    for loss, gradient in results[1:]:
        assert loss == results[0][0]
        assert gradient.equal(results[0][1])


@pytest.mark.gpu
def test_cuda_and_cpu_losses_agree():
    prediction, target = images(75, 100)
    (expected,) = torch.autograd.grad(photometric_loss(prediction, target), prediction)
    on_gpu = prediction.detach().cuda().requires_grad_()
    loss = photometric_loss(on_gpu, target.cuda())
    (gradient,) = torch.autograd.grad(loss, on_gpu)
    assert abs(loss.item() - photometric_loss(prediction, target).item()) < tolerances.LOSS
    assert (gradient.cpu() - expected).norm() < tolerances.LOSS_GRADIENT * expected.norm()
