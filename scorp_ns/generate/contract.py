"""The contract of generators, as a function that packages with one can call in their tests."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from numbers import Real
from threading import Event
from typing import Any

import numpy as np
import torch

from scorp_ns.errors import CancelledError, ScorpError, only_scorp_errors
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.generate.generator import Generator, GeneratorConfig, Work
from scorp_ns.products import UNIT_TOLERANCE, ProxyAsset, ProxyRequest
from scorp_ns.surfaces.mesh import ColoredMesh

SAME = 1e-3
"""Largest difference between two replies to one request, as a share of the largest number: rounding on a GPU."""


def check_generator(config: GeneratorConfig, request: ProxyRequest) -> ProxyAsset:
    """The reply to a request; an AssertionError tells of anything a run cannot rely on.

    The generator is asked three times. `scorp_ns.generate.example_request` has a request to begin with. A generator
    may refuse it with a ScorpError, which is passed on.
    """
    assert isinstance(config, GeneratorConfig) and is_dataclass(config), "The config is no dataclass with build()."
    untouched = copy.deepcopy(request)
    asset, fingerprint = _asked(config, request)
    again, other_fingerprint = _asked(config, request)
    assert fingerprint == other_fingerprint, "The fingerprint is another one when the generator is built again."
    assert _is_same(asset, again, SAME), "The second reply to the same request is another one; use request.seed."
    _check_cancelling(config, request)
    assert _is_same(request, untouched, 0.0), "The request was changed; copy what you change."
    return asset


def _asked(config: GeneratorConfig, request: ProxyRequest) -> tuple[ProxyAsset, str | None]:
    """The checked reply and fingerprint of a newly built generator."""
    generator = only_scorp_errors(config.build)
    fingerprint = _fingerprint(generator, request)
    reports: list[tuple[float | None, str]] = []
    asset = only_scorp_errors(
        lambda: generator.generate(request, Work(report=lambda share, text: reports.append((share, text))))
    )
    assert fingerprint == _fingerprint(generator, request), "The fingerprint changes when a reply is made."
    for share, text in reports:
        assert share is None or 0 <= share <= 1, f"The share {share} was reported; it goes from 0 to 1, or is None."
        assert text.strip() and "\n" not in text, f"{text!r} was reported; one line is needed."
    check_asset(asset)
    return asset, fingerprint


def _fingerprint(generator: Generator, request: ProxyRequest) -> str | None:
    """The checked fingerprint."""
    fingerprint = only_scorp_errors(lambda: generator.fingerprint(request))
    assert fingerprint is None or (isinstance(fingerprint, str) and fingerprint), (
        f"fingerprint() gave {fingerprint!r}; a text or None is needed."
    )
    return fingerprint


def check_asset(asset: Any) -> None:
    """Raise an AssertionError unless the reply is a valid asset with finite numbers."""
    assert isinstance(asset, ProxyAsset), f"generate() gave a {type(asset).__name__}; a ProxyAsset is needed."
    assert isinstance(asset.made_by, str) and asset.made_by.strip(), "'made_by' is empty; it is shown to people."
    shape, pose = asset.shape, asset.T_capture_asset
    assert isinstance(shape, (ColoredMesh, Gaussians)), (
        f"'shape' is a {type(shape).__name__}; a ColoredMesh or Gaussians are needed."
    )
    if isinstance(shape, ColoredMesh):
        assert shape.face_areas.sum() > 0, "The mesh has no area."
    else:
        assert len(shape) > 0, "There are no Gaussians."
        for field in fields(shape):
            assert getattr(shape, field.name).isfinite().all(), f"'{field.name}' of the Gaussians is not finite."
    assert pose is None or (isinstance(pose, Similarity) and not pose.is_mirrored), (
        "'T_capture_asset' is no Similarity, or one that mirrors."
    )
    assert asset.up is None or abs(math.hypot(*asset.up) - 1) < UNIT_TOLERANCE, "'up' is not of unit length."
    for key, value in asset.evidence.items():
        assert isinstance(key, str) and isinstance(value, (Real, str)), f"The evidence '{key}' is no number or text."
    assert asset.license is None or asset.license.strip(), "'license' is empty; None says that nothing is known."


def _check_cancelling(config: GeneratorConfig, request: ProxyRequest) -> None:
    """Raise an AssertionError unless the generator stops when it is cancelled."""
    cancelled = Event()
    cancelled.set()
    generator = only_scorp_errors(config.build)
    try:
        only_scorp_errors(lambda: generator.generate(request, Work(cancelled=cancelled)))
    except CancelledError:
        return
    except ScorpError as error:
        raise AssertionError(f"Cancelled work ended with another error: {error}") from error
    raise AssertionError("Cancelled work went on; call work.check(request.name) now and then.")


def _is_same(first: Any, second: Any, tolerance: float) -> bool:
    """True if two values are equal but for rounding."""
    if type(first) is not type(second):
        return False
    if isinstance(first, torch.Tensor):
        return _is_same(first.detach().cpu().numpy(), second.detach().cpu().numpy(), tolerance)
    if isinstance(first, np.ndarray):
        if first.shape != second.shape or first.dtype != second.dtype:
            return False
        largest = np.abs(first, where=np.isfinite(first), out=np.zeros_like(first)).max(initial=0)
        return np.allclose(first, second, rtol=0, atol=tolerance * float(largest), equal_nan=True)
    if is_dataclass(first):
        return all(_is_same(getattr(first, f.name), getattr(second, f.name), tolerance) for f in fields(first))
    if isinstance(first, Mapping):
        return first.keys() == second.keys() and all(_is_same(first[key], second[key], tolerance) for key in first)
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(lambda a, b: _is_same(a, b, tolerance), first, second))
    if isinstance(first, float):
        return math.isclose(first, second, rel_tol=tolerance, abs_tol=tolerance)
    return first == second
