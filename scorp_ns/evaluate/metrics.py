"""Image metrics. Those that need weights are computed where the weights are on disk, and left out where not."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

LPIPS_BACKBONE_FILE = "alexnet-owt-7be5be79.pth"

LPIPS_FETCH = "Fetch them once with: python -c \"import torchvision; torchvision.models.alexnet(weights='DEFAULT')\""
"""Advice on the weights that LPIPS builds on."""


def psnr(
    prediction: Float[Tensor, "h w 3"], target: Float[Tensor, "h w 3"], is_valid: Bool[Tensor, "h w 1"] | None = None
) -> Float[Tensor, ""]:
    """Peak signal-to-noise ratio in dB over the valid pixels, for images in [0, 1]."""
    squared_error = (prediction - target) ** 2
    if is_valid is not None:
        squared_error = squared_error[is_valid[..., 0]]
    return -10 * torch.log10(squared_error.mean())


def image_metrics(
    prediction: Float[Tensor, "h w 3"], target: Float[Tensor, "h w 3"], is_valid: Bool[Tensor, "h w 1"] | None = None
) -> dict[str, float]:
    """PSNR and SSIM of one image, and LPIPS if its weights are there. Pixels that are not valid are black in both."""
    from pytorch_msssim import ssim

    quality = psnr(prediction, target, is_valid)
    if is_valid is not None:
        prediction, target = prediction * is_valid, target * is_valid
    batched = (_to_batch(prediction), _to_batch(target))
    metrics = {
        "psnr": float(quality),
        "ssim": float(ssim(*batched, data_range=1.0)),
    }
    lpips_metric = _lpips_metric(str(prediction.device))
    if lpips_metric is not None:
        metrics["lpips"] = float(lpips_metric(*(image.clamp(0, 1) for image in batched)))
    return metrics


def lpips_weights_path() -> Path:
    """The file in which torch keeps the AlexNet weights that LPIPS builds on."""
    return Path(torch.hub.get_dir()) / "checkpoints" / LPIPS_BACKBONE_FILE


@cache
def _lpips_metric(device: str) -> torch.nn.Module | None:
    """The LPIPS network, or nothing (said once) where its weights are not on disk: metrics never start a download."""
    if not lpips_weights_path().is_file():
        logging.getLogger("scorp").warning(
            "LPIPS is left out: its AlexNet weights are not at %s. %s", lpips_weights_path(), LPIPS_FETCH
        )
        return None
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    return LearnedPerceptualImagePatchSimilarity(normalize=True).to(device)


def _to_batch(image: Float[Tensor, "h w 3"]) -> Float[Tensor, "1 3 h w"]:
    return image.permute(2, 0, 1)[None]
