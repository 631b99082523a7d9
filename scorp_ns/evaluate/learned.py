"""Metrics that need weights: each is found, or says why it is absent and how to get it. None starts a download."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity, pad

from scorp_ns.evaluate.metrics import LPIPS_FETCH, lpips_weights_path

CLIP_WEIGHTS = "openai/clip-vit-base-patch16"
"""The network of CLIP-S, by its name in Hugging Face's cache."""

CLIP_FETCH = (
    "Fetch them once with: "
    'python -c "from transformers import CLIPImageProcessor as P, CLIPModel as M; '
    f"[one.from_pretrained('{CLIP_WEIGHTS}') for one in (M, P)]\""
)

MUSIQ_WEIGHTS = "musiq_koniq_ckpt-e95806b9.pth"
"""MUSIQ trained on KonIQ-10k, which scores from about 0 to 100, as pyiqa names its file."""

MUSIQ_FETCH = "Fetch them once with: python -c \"import pyiqa; pyiqa.create_metric('musiq')\""


class ClipSimilarity:
    """CLIP-S: how alike CLIP finds a render and a photograph, the cosine of their embeddings; 1 for the same image."""

    def __init__(self, network: Any, processor: Any, device: str) -> None:
        self._tower = network.vision_model.to(device).eval()
        self._projection = network.visual_projection.to(device).eval()
        self._processor = processor
        self._device = device

    @classmethod
    def find(cls, weights: str | Path = CLIP_WEIGHTS, device: str = "cpu") -> ClipSimilarity | str:
        """The metric with weights from a folder or the Hugging Face cache, or why there is none."""
        transformers = _package("transformers", "pip install 'transformers>=4.45'")
        if isinstance(transformers, str):
            return transformers
        model, images = transformers.CLIPModel, transformers.CLIPImageProcessor
        unreadable = import_module("safetensors").SafetensorError
        try:
            network, told = model.from_pretrained(weights, local_files_only=True, output_loading_info=True)
            processor = images.from_pretrained(weights, local_files_only=True)
        except OSError:
            return f"Its weights are not at {weights}, as a folder or in Hugging Face's cache. {CLIP_FETCH}"
        except (ValueError, RuntimeError, unreadable) as error:
            return f"Its weights at {weights} are broken: {error} {CLIP_FETCH}"
        missing = len(told["missing_keys"])
        if missing:
            return f"What is at {weights} is no CLIP: {missing} of its weights are missing. {CLIP_FETCH}"
        return cls(network, processor, device)

    @torch.no_grad()
    def __call__(self, render: Float[Tensor, "h w 3"], photograph: Float[Tensor, "h w 3"]) -> float:
        """The cosine for two images in [0, 1]."""
        squares = [_white_square(image) for image in (render, photograph)]
        pixels = self._processor(squares, do_rescale=False, return_tensors="pt")["pixel_values"]
        seen = self._tower(pixel_values=pixels.to(self._device))
        first, second = self._projection(seen.pooler_output)
        return float(cosine_similarity(first, second, dim=0))


class Musiq:
    """MUSIQ: how good an image looks by itself, without the truth; higher is better, up to about 100."""

    def __init__(self, network: Any, device: str) -> None:
        self._network = network
        self._device = device

    @classmethod
    def find(cls, weights: Path | None = None, device: str = "cpu") -> Musiq | str:
        """The metric with weights from a file, or from where pyiqa keeps them; or why there is none."""
        pyiqa = _package("pyiqa", "pip install pyiqa 'numpy<2'")
        if isinstance(pyiqa, str):
            return pyiqa
        weights = musiq_weights_path() if weights is None else weights
        if not weights.is_file():
            return f"Its weights are not at {weights}. {MUSIQ_FETCH}"
        # With a path, pyiqa downloads nothing.
        network = pyiqa.create_metric("musiq", device=torch.device(device), pretrained_model_path=str(weights))
        return cls(network, device)

    @torch.no_grad()
    def __call__(self, image: Float[Tensor, "h w 3"]) -> float:
        """The score of an image in [0, 1]."""
        return float(self._network(image.clamp(0, 1).permute(2, 0, 1)[None].to(self._device)))


def musiq_weights_path() -> Path:
    """The folder in which pyiqa keeps the weights of MUSIQ."""
    return Path(torch.hub.get_dir()) / "pyiqa" / MUSIQ_WEIGHTS


def why_lpips_is_absent() -> str | None:
    """Why `image_metrics` leaves LPIPS out; None where it does not."""
    return None if lpips_weights_path().is_file() else f"Its weights are not at {lpips_weights_path()}. {LPIPS_FETCH}"


def learned_scores(device: str) -> Callable[[Tensor, Tensor], dict[str, float]]:
    """A function that scores a render and the truth, both [h, w, 3], by those of the metrics that are at hand."""
    clip, musiq = ClipSimilarity.find(device=device), Musiq.find(device=device)

    def scores(render: Float[Tensor, "h w 3"], truth: Float[Tensor, "h w 3"]) -> dict[str, float]:
        found = {} if isinstance(clip, str) else {"clip_s": clip(render, truth)}
        return found if isinstance(musiq, str) else {**found, "musiq": musiq(render)}

    return scores


def absent_metrics() -> dict[str, str]:
    """By metric, why it is left out here; those that can be measured are not named."""
    found = {"lpips": why_lpips_is_absent(), "clip_s": ClipSimilarity.find(), "musiq": Musiq.find()}
    return {metric: reason for metric, reason in found.items() if isinstance(reason, str)}


def _package(name: str, install: str) -> Any:
    """The package, or why it cannot be used."""
    if find_spec(name) is None:
        return f"{name} is not installed. Install it with: {install}"
    try:
        return import_module(name)
    except ImportError as error:
        return f"{name} is broken: {error}. Install it again with: {install}"


def _white_square(image: Float[Tensor, "h w 3"]) -> Float[Tensor, "3 s s"]:
    """The image amid white, so that CLIP, which crops to the middle square, sees all of it."""
    height, width, _ = image.shape
    side = max(height, width)
    left, top = (side - width) // 2, (side - height) // 2
    margins = (left, side - width - left, top, side - height - top)
    return pad(image.clamp(0, 1).permute(2, 0, 1), margins, value=1.0)
