"""The missing-viewpoint protocol: which views are trained on when a share of the circle is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float

from scorp_ns.errors import CaptureError
from scorp_ns.messages import counted

CLOSED_GAP_DEG = 60.0
"""Cameras with no larger gap between neighbours stand all around the objects."""

BACK_DEG = 130.0
"""Withheld views from here on, measured from the middle of the arc, look from behind."""

IN_ARC_EVERY = 5
"""Of the views inside the arc, the third of every five is held out."""

FEWEST_TRAINING_VIEWS = 6
"""A scene needs at least so many views."""


@dataclass(frozen=True)
class MissingSplit:
    """The views of each set when a share of the circle is missing, by the capture's names."""

    missing: Fraction
    train: tuple[str, ...]
    in_arc: tuple[str, ...]
    """Held out from the arc that is trained on."""
    withheld: tuple[str, ...]
    """On the missing part of the circle."""
    back: tuple[str, ...]
    """The withheld views that look from behind."""
    rule: str
    """The rule by which views were chosen, for people."""

    @property
    def name(self) -> str:
        """The split's name in reports and in splits.json."""
        return split_name(self.missing)


def split_name(missing: Fraction) -> str:
    """`missing_4_5` for four fifths."""
    return f"missing_{missing.numerator}_{missing.denominator}"


def azimuths_deg(
    origins: Float[np.ndarray, "n 3"], center: Float[np.ndarray, " 3"], up: Float[np.ndarray, " 3"]
) -> Float[np.ndarray, " n"]:
    """The direction of every camera from the centre, as an angle about the up axis in 0..360."""
    across = np.eye(3)[np.abs(up).argmin()]
    x = np.cross(up, across)
    x /= np.linalg.norm(x)
    y = np.cross(up, x)
    towards = origins - center
    return np.degrees(np.arctan2(towards @ y, towards @ x)) % 360


def split_from_lists(
    missing: Fraction, arc: Sequence[str], withheld: Sequence[str], azimuths: dict[str, float]
) -> MissingSplit:
    """The split that the capture lists itself."""
    return _split(missing, arc, withheld, azimuths, "views as listed in splits.json")


def split_by_azimuth(missing: Fraction, azimuths: dict[str, float], seed: int) -> MissingSplit:
    """An arc of the circle that the cameras cover, at a place drawn by the seed; the views beyond it are withheld.

    Where the cameras stand on a part of the circle only, it is that part's share that is missing.
    """
    names = list(azimuths)
    angles = np.array([azimuths[name] for name in names])
    start, covered = _covered_range(angles)
    width = float(1 - missing) * covered
    slack = 360.0 if covered == 360.0 else covered - width
    first = start + slack * np.random.default_rng(seed).random()
    is_inside = (angles - first) % 360 <= width
    arc = [name for name, inside in zip(names, is_inside, strict=True) if inside]
    withheld = [name for name, inside in zip(names, is_inside, strict=True) if not inside]
    rule = (
        f"views at azimuths from {first % 360:.0f} to {(first + width) % 360:.0f} degrees, "
        f"{width:.0f} of the {covered:.0f} that the cameras cover, drawn by seed {seed}"
    )
    return _split(missing, arc, withheld, azimuths, rule)


def _covered_range(angles: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """The start of the cameras' part of the circle, and its span, in degrees."""
    ordered = np.sort(angles % 360)
    gaps = np.diff(ordered, append=ordered[0] + 360)
    widest = int(gaps.argmax())
    if gaps[widest] <= CLOSED_GAP_DEG:
        return 0.0, 360.0
    return float(ordered[(widest + 1) % len(ordered)]), float(360 - gaps[widest])


def _split(
    missing: Fraction, arc: Sequence[str], withheld: Sequence[str], azimuths: dict[str, float], rule: str
) -> MissingSplit:
    in_arc = tuple(arc[IN_ARC_EVERY // 2 :: IN_ARC_EVERY])
    train = tuple(name for name in arc if name not in in_arc)
    if len(train) < FEWEST_TRAINING_VIEWS or not withheld:
        raise CaptureError(
            f"With {missing} of the circle missing, {counted(len(train), 'view')} would be left to train on and "
            f"{len(withheld)} to test on.",
            f"At least {FEWEST_TRAINING_VIEWS} views for training and one for testing are needed.",
            "Choose another share with --missing, or a capture with more views.",
        )
    return MissingSplit(missing, train, in_arc, tuple(withheld), _back(arc, withheld, azimuths), rule)


def _back(arc: Sequence[str], withheld: Sequence[str], azimuths: dict[str, float]) -> tuple[str, ...]:
    """The withheld views from behind; the furthest third where none is as far round as that."""
    radians = np.radians([azimuths[name] for name in arc])
    middle = np.degrees(np.arctan2(np.sin(radians).mean(), np.cos(radians).mean()))
    away = {name: abs((azimuths[name] - middle + 180) % 360 - 180) for name in withheld}
    behind = [name for name in withheld if away[name] >= BACK_DEG]
    if not behind:
        furthest = sorted(withheld, key=lambda name: -away[name])[: max(1, len(withheld) // 3)]
        behind = [name for name in withheld if name in furthest]
    return tuple(behind)
