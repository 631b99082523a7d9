"""Checks of a bench before anything is trained."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Collection
from copy import deepcopy

from scorp_ns.bench.captures import BenchCapture
from scorp_ns.bench.plan import BenchPlan
from scorp_ns.bench.training import METHODS
from scorp_ns.data.datamanager import ScorpDataManagerConfig
from scorp_ns.errors import ScorpError
from scorp_ns.messages import unknown_objects


def check_output(plan: BenchPlan, capture: BenchCapture) -> None:
    """Returns if results do not go where the capture's own files lie."""
    if plan.output.resolve() == capture.folder.resolve():
        raise ScorpError(
            f"--output is the capture itself, {capture.folder}.",
            "Results of a bench need a folder of their own: it decides by the capture's files what is measured.",
            f"Give another one, such as --output {plan.output / 'bench'}.",
        )


def check_masks(plan: BenchPlan, capture: BenchCapture) -> None:
    """Returns if the capture has masks of objects, and of every one that is to be measured."""
    if not plan.lifts:
        return
    known = _names_in_masks(plan, capture)
    if not known:
        raise ScorpError(
            f"The capture {capture.folder} has no object masks.",
            "A bench measures objects by their masks in all frames that are to count.",
            "Give it object masks, or measure the scene alone with --stop-after scene.",
        )
    refuse_unknown(plan.objects, known)


def refuse_unknown(wanted: Collection[str], known: Collection[str]) -> None:
    """Returns if all wanted objects are known."""
    if wrong := [name for name in wanted if name not in known]:
        raise ScorpError(*unknown_objects("--objects", wrong, known, "capture", "Give it object masks."))


def _names_in_masks(plan: BenchPlan, capture: BenchCapture) -> list[str]:
    """The objects that a run on the capture would find in its masks."""
    config = deepcopy(METHODS[plan.method].pipeline.datamanager)
    assert isinstance(config, ScorpDataManagerConfig)
    config.data = capture.capture.path
    with contextlib.redirect_stdout(io.StringIO()):
        masks = config.setup(device="cpu", test_mode="val", world_size=1, local_rank=0).given_masks
    return [] if masks is None else [info.name for info in masks.objects]
