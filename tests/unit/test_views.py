"""Evidence of objects is gathered once, and anew when the scene changes, whatever other threads forget meanwhile."""

from __future__ import annotations

from composed_models import fill

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import CapturedView
from scorp_ns.run.views import ObjectViews


def test_evidence_is_gathered_once_until_it_is_forgotten():
    read: list[str] = []

    def views() -> list[CapturedView]:
        read.append("views")
        return []

    def scene() -> Gaussians:
        read.append("scene")
        return fill()

    evidence = ObjectViews(views, scene, "classic")
    assert evidence.depths is evidence.depths and read == ["scene", "views"]
    evidence.forget_scene()
    assert evidence.depths.views is evidence.captured and read == ["scene", "views", "scene"]
    evidence.forget()
    assert evidence.captured == [] and read == ["scene", "views", "scene", "views"]


def test_what_is_forgotten_while_it_is_read_is_there_all_the_same():
    """Training forgets at the moment in which a thread of the viewer has read the photographs."""
    evidence: ObjectViews

    def views() -> list[CapturedView]:
        evidence.forget()
        return []

    evidence = ObjectViews(views, fill, "classic")
    assert evidence.captured == [] and evidence.depths is not None
