"""The weights of learned metrics, as a bench looks for them. Nothing downloads them."""

from __future__ import annotations

from scorp_ns.cli.findings import Answer, ok, warning


def lpips() -> Answer:
    """The weights that LPIPS builds on."""
    from scorp_ns.evaluate.learned import why_lpips_is_absent

    return _answer("LPIPS", why_lpips_is_absent())


def clip() -> Answer:
    """The network of CLIP-S."""
    from scorp_ns.evaluate.learned import ClipSimilarity

    return _answer("CLIP-S", ClipSimilarity.find())


def musiq() -> Answer:
    """The network of MUSIQ."""
    from scorp_ns.evaluate.learned import Musiq

    return _answer("MUSIQ", Musiq.find())


def _answer(metric: str, found: object) -> Answer:
    """What a metric's search came back with: a reason in words, or anything else if it can be used."""
    if isinstance(found, str):
        reason, _, remedy = found.rpartition(". ")
        return warning(f"{metric} is left out: {reason}", f"If you want it: {remedy}")
    return ok(f"{metric} can be measured")
