"""Matchers that are networks of the transformers package: EfficientLoFTR, LightGlue and their like."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from scorp_ns.cameras import PIXEL_CENTER
from scorp_ns.errors import MatchingError, ScorpError
from scorp_ns.match.matcher import Matches

INSTALL = "pip install 'transformers>=4.56'"

FINER = 64
"""Transformers truncates keypoints to whole pixels, so it is asked for places in a picture so many times as large."""


@dataclass
class TransformersConfig:
    """The network and its device."""

    model: str = "zju-community/efficientloftr"
    """A keypoint-matching model: a folder, or a name in Hugging Face's cache; nothing is downloaded."""
    least_score: float = 0.2
    """Matches that the network is less sure of are left out; 0 to 1."""
    device: str = ""
    """The network's device, as torch names it; by default the first GPU if there is one, else the CPU."""

    def __post_init__(self) -> None:
        if not 0 <= self.least_score <= 1:
            raise ValueError(f"matcher.transformers.least_score is {self.least_score}; it must be 0 to 1.")

    def build(self) -> KeypointModelMatcher:
        """The matcher; a ScorpError if the package or the weights are missing."""
        transformers = _package()
        network, processor = _load(transformers, self.model)
        return KeypointModelMatcher(network.to(_device(self.device)).eval(), processor, self)


class KeypointModelMatcher:
    """Asks a network for matches."""

    knows_turns = False

    def __init__(self, network: Any, processor: Any, config: TransformersConfig) -> None:
        self._network, self._processor, self.config = network, processor, config

    @torch.no_grad()
    def match(self, first: UInt8[np.ndarray, "h w 3"], second: UInt8[np.ndarray, "k l 3"]) -> Matches:
        """The matches that the network is sure enough of; a MatchingError if it cannot work."""
        sizes = [[tuple(FINER * side for side in picture.shape[:2]) for picture in (first, second)]]
        try:
            inputs = self._processor([first, second], return_tensors="pt").to(self._network.device)
            outputs = self._network(**inputs)
            (found,) = self._processor.post_process_keypoint_matching(outputs, sizes, self.config.least_score)
        # Networks may raise anything: out of memory, wrong shapes, missing operators.
        except Exception as error:
            raise MatchingError(
                f"The matcher '{self.config.model}' failed: {type(error).__name__}: {error}",
                "Objects are placed without matches then.",
                "Try another model, or another --pipeline.model.matcher.transformers.device.",
            ) from error
        places, scores = _numbers(found["keypoints0"]), _numbers(found["matching_scores"])
        return Matches(
            (places + PIXEL_CENTER) / FINER, (_numbers(found["keypoints1"]) + PIXEL_CENTER) / FINER, scores.clip(0, 1)
        )


def _numbers(values: torch.Tensor) -> np.ndarray:
    return values.double().cpu().numpy()


def _device(name: str) -> torch.device:
    """The device with this name, or the best one there is."""
    try:
        device = torch.device(name) if name else torch.device(0 if torch.cuda.is_available() else "cpu")
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ScorpError(
            f"The matcher cannot run on the device '{name}': {str(error).splitlines()[0]}",
            "A device that torch can use is needed.",
            "Correct --pipeline.model.matcher.transformers.device, or leave it out.",
        ) from error
    return device


def _package() -> Any:
    """The package, in a version that knows such models."""
    try:
        transformers = import_module("transformers")
        transformers.AutoModelForKeypointMatching  # noqa: B018  The package loads it when it is asked for.
    except (ImportError, AttributeError) as error:
        is_there = find_spec("transformers") is not None
        raise ScorpError(
            f"transformers cannot be used ({error})." if is_there else "transformers is not installed.",
            "The matcher 'transformers' needs it in version 4.56 or later.",
            f"Install it: {INSTALL}",
        ) from error
    return transformers


def _load(transformers: Any, model: str) -> tuple[Any, Any]:
    """The network and its image processor, from a folder or the cache."""
    models, images = transformers.AutoModelForKeypointMatching, transformers.AutoImageProcessor
    fetch = (
        f'python -c "from transformers import AutoImageProcessor as P, AutoModelForKeypointMatching as M; '
        f"[one.from_pretrained('{model}') for one in (M, P)]\""
    )
    try:
        network, told = models.from_pretrained(model, local_files_only=True, output_loading_info=True)
        processor = images.from_pretrained(model, local_files_only=True)
    except OSError as error:
        raise ScorpError(
            f"The weights of the matcher are not at '{model}', as a folder or in Hugging Face's cache.",
            "Nothing is downloaded automatically.",
            f"Fetch them once: {fetch}",
        ) from error
    # A file that is broken, or of another kind of network, may raise anything here.
    except Exception as error:
        raise ScorpError(
            f"What is at '{model}' cannot be loaded: {type(error).__name__}: {str(error).splitlines()[0]}",
            "A keypoint-matching model is needed, like 'zju-community/efficientloftr'.",
            f"Correct --pipeline.model.matcher.transformers.model, or fetch it again: {fetch}",
        ) from error
    if missing := len(told["missing_keys"]):
        raise ScorpError(
            f"Of the weights at '{model}' {missing} are missing.",
            "A whole keypoint-matching model is needed.",
            f"Fetch it again: {fetch}",
        )
    return network, processor
