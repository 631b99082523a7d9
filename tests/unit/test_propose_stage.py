"""A generator that replies nonsense, or ends the program, costs its object only, and nothing of it is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ball_proxies import COARSE, ball_mesh

from scorp_ns.errors import GenerationError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.generate.example_request import example_request
from scorp_ns.generate.generator import Work
from scorp_ns.products import Proxy, ProxyAsset, ProxyRequest
from scorp_ns.stages.propose import propose


class Replying:
    """A generator whose replies are stored."""

    def __init__(self, reply: Any) -> None:
        self.reply, self.calls = reply, 0

    def fingerprint(self, request: ProxyRequest) -> str | None:
        return "replying"

    def generate(self, request: ProxyRequest, work: Work) -> Any:
        self.calls += 1
        if isinstance(self.reply, BaseException):
            raise self.reply
        return self.reply


def asked(generator: Replying, cache: Path) -> Proxy:
    return propose(example_request(), generator, Similarity.identity(), COARSE, cache, False, Work())


GOOD = ProxyAsset(ball_mesh(), "a test")


def telling(evidence: dict[str, Any]) -> ProxyAsset:
    """A good reply with evidence of any kind, which nobody checks outside of tests."""
    asset = replace(GOOD)
    object.__setattr__(asset, "evidence", evidence)
    return asset


FAR_APART = replace(ball_mesh(), vertices=np.full_like(ball_mesh().vertices, 1.0))

BAD = {
    "nothing": None,
    "a text": "mesh.glb",
    "no area": replace(GOOD, shape=FAR_APART),
    "evidence that is a list": telling({"loss": [1, 2]}),
    "an end of the program": SystemExit(3),
    "an error": ZeroDivisionError("division by zero"),
}


@pytest.mark.parametrize("reply", BAD.values(), ids=BAD.keys())
def test_a_useless_reply_is_an_error_of_its_object_and_not_kept(reply: Any, tmp_path: Path):
    generator = Replying(reply)
    for call in (1, 2):
        with pytest.raises(GenerationError):
            asked(generator, tmp_path)
        assert generator.calls == call, "asked again, as nothing useful was stored"


def test_a_good_reply_is_stored_and_its_numbers_can_be_saved(tmp_path: Path):
    generator = Replying(telling({"score": np.float32(0.5), "kind": "ball"}))
    for _ in range(2):
        proxy = asked(generator, tmp_path)
    assert generator.calls == 1
    assert type(proxy.evidence["score"]) is float and proxy.evidence["kind"] == "ball"
    torch.save(dict(proxy.evidence), tmp_path / "evidence.pt")
    assert torch.load(tmp_path / "evidence.pt", weights_only=True)["score"] == 0.5
