"""A digest of a request's parts that are the same in equal runs."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch
from torch import Tensor

from scorp_ns.products import ObjectView, ProxyRequest

PIXEL_DECIMALS = 1
"""Intrinsics are told apart by tenths of a pixel."""

POSE_DECIMALS = 3
"""Rotations, and positions in shares of their distance from the origin, are told apart by thousandths."""


def request_digest(request: ProxyRequest) -> str:
    """64 hexadecimal digits of the name, the prompt, the seed, and the crops with their masks and cameras.

    Results of training are left out (the lifted Gaussians, rendered depth, the object's box): they differ a little from
    run to run, and a reply that was paid for stays valid. Cameras are rounded, as they may differ by rounding.
    """
    digest = hashlib.sha256()
    words = [request.name, request.prompt, request.seed, [_camera(view) for view in request.views]]
    digest.update(json.dumps(words).encode())
    for view in request.views:
        for image in (view.rgba, view.trimap):
            digest.update(image.tobytes())
    return digest.hexdigest()


def _camera(view: ObjectView) -> list[Any]:
    """A crop's photograph, size and camera, rounded."""
    pose = view.camera.pose
    distance = max(float(pose[:3, 3].norm()), torch.finfo(torch.float64).tiny)
    pose[:3, 3] /= distance
    magnitude = float(f"{distance:.3g}")
    return [
        view.name,
        list(view.rgba.shape),
        _rounded(view.K, PIXEL_DECIMALS),
        _rounded(pose, POSE_DECIMALS),
        magnitude,
    ]


def _rounded(values: Tensor, decimals: int) -> list[float]:
    # Adding zero makes -0.0 the same as 0.0.
    return [round(value, decimals) + 0.0 for value in values.double().flatten().tolist()]
