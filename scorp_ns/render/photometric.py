"""Photometric loss and SSIM: the seam between our CPU kernels and pytorch-msssim."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["photometric_loss", "ssim"]


def photometric_loss(
    prediction: Float[Tensor, "h w 3"], target: Float[Tensor, "h w 3"], ssim_weight: float = 0.2
) -> Float[Tensor, ""]:
    """(1 - ssim_weight) * mean |prediction - target| + ssim_weight * (1 - SSIM), for images in [0, 1].

    SSIM is that of `pytorch_msssim.SSIM(data_range=1, channel=3)`: an 11-pixel Gaussian window of standard deviation
    1.5, averaged over the windows that fit into the image; along a side shorter than 11 pixels nothing is blurred.
    Only the prediction receives a gradient. A NaN in either image makes the loss NaN.
    """
    target = target.detach().to(prediction)
    if not _has_kernels(prediction):
        return (1 - ssim_weight) * (prediction - target).abs().mean() + ssim_weight * (1 - _ssim(prediction, target))
    if torch.is_grad_enabled() and prediction.requires_grad:
        return _PhotometricLoss.apply(prediction, target, ssim_weight)
    return (1 - ssim_weight) * (prediction - target).abs().mean() + ssim_weight * (1 - ssim(prediction, target))


@torch.no_grad()
def ssim(prediction: Float[Tensor, "h w 3"], target: Float[Tensor, "h w 3"]) -> Float[Tensor, ""]:
    """Structural similarity as in `photometric_loss`, as a metric: 1 for equal images, and no gradient."""
    target = target.to(prediction)
    if not _has_kernels(prediction):
        return _ssim(prediction, target)
    from scorp_ns.render.cpu.ssim import structural_dissimilarity

    return prediction.new_tensor(1 - structural_dissimilarity(_rows(prediction), _rows(target)))


def _has_kernels(image: Float[Tensor, "h w 3"]) -> bool:
    """True if the CPU kernels take this image; the smallest and those in half precision go to pytorch-msssim."""
    if image.device.type != "cpu" or image.dtype not in (torch.float32, torch.float64):
        return False
    from scorp_ns.render.cpu.ssim import WINDOW

    return min(image.shape[:2]) >= WINDOW


def _ssim(prediction: Float[Tensor, "h w 3"], target: Float[Tensor, "h w 3"]) -> Float[Tensor, ""]:
    """SSIM by pytorch-msssim, on any device, differentiable."""
    import pytorch_msssim

    # What comes here on a CPU is tiny or in half precision; doubles cost little and lose nothing.
    dtype = torch.float64 if prediction.device.type == "cpu" else prediction.dtype
    batches = (image.to(dtype).permute(2, 0, 1)[None] for image in (prediction, target))
    return pytorch_msssim.ssim(*batches, data_range=1.0, size_average=True).to(prediction.dtype)


def _rows(image: Float[Tensor, "h w 3"]) -> Any:
    """The image as a NumPy array of rows, each a run of interleaved colours."""
    return image.detach().contiguous().flatten(1).numpy()


class _PhotometricLoss(torch.autograd.Function):
    """The loss with its gradient made on the way forward, while the rows are in the cache."""

    @staticmethod
    def forward(
        ctx: Any, prediction: Float[Tensor, "h w 3"], target: Float[Tensor, "h w 3"], ssim_weight: float
    ) -> Float[Tensor, ""]:
        from scorp_ns.render.cpu.ssim import photometric

        loss, gradient = photometric(_rows(prediction), _rows(target), ssim_weight)
        ctx.save_for_backward(torch.from_numpy(gradient).view(prediction.shape))
        return prediction.new_tensor(loss)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  `once_differentiable` hides the names.
        ctx: Any, *grad_outputs: Float[Tensor, ""]
    ) -> tuple[Float[Tensor, "h w 3"], None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * grad_outputs[0], None, None
