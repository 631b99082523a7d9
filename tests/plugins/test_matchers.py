"""Matchers by name: the contract tells what is wrong with one, and networks are loaded, asked and refused."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scorp_ns.errors import MatchingError, ScorpError
from scorp_ns.match.contract import check_matcher
from scorp_ns.match.example_pair import example_pair
from scorp_ns.match.keypoint_models import TransformersConfig
from scorp_ns.match.matcher import Matches
from scorp_ns.match.sift import SiftConfig
from scorp_ns.plugins.matchers import MatcherChoice
from scorp_ns.plugins.registry import MATCHERS, plugin_names

PAIR = example_pair()

PIXELS = {"height": 96, "width": 128}
"""What tiny networks see of a picture."""


def test_sift_finds_what_shows_the_same():
    matches = check_matcher(SiftConfig(), PAIR)
    assert len(matches) > 100
    assert np.median(PAIR.misses(matches)) < 0.5 and np.percentile(PAIR.misses(matches), 85) < 2


def test_sift_finds_what_is_turned():
    quarter = np.ascontiguousarray(np.rot90(PAIR.first, -1))
    matches = SiftConfig().build().match(PAIR.first, quarter)
    assert SiftConfig().build().knows_turns and len(matches) > 100
    true = np.stack([PAIR.first.shape[0] - matches.first[:, 1], matches.first[:, 0]], axis=1)
    assert np.percentile(np.linalg.norm(matches.second - true, axis=1), 90) < 1


@pytest.mark.parametrize("settings", [{"num_features": 0}, {"least_contrast": -1.0}, {"ratio": 0.0}, {"ratio": 1.5}])
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]):
    (name,) = settings
    with pytest.raises(ValueError, match=name):
        SiftConfig(**settings)


def test_matchers_are_chosen_by_name():
    assert {"sift", "transformers"} <= set(plugin_names(MATCHERS))
    assert MatcherChoice("none").build() is None
    assert type(MatcherChoice("sift").build()) is type(SiftConfig().build())
    with pytest.raises(ScorpError, match=r"No plugin 'surf' is registered in 'scorp\.matchers'"):
        MatcherChoice("surf").build()


@dataclass
class Spoiled:
    """A matcher that is spoiled in some way, another one at every question."""

    reply: Callable[[int, np.ndarray], Any]
    knows_turns: Any = True
    asked: int = 0

    def build(self) -> Spoiled:
        return self

    def match(self, first: np.ndarray, second: np.ndarray) -> Any:
        self.asked += 1
        return self.reply(self.asked, first)


def matches_at(*place: float, score: float = 1.0) -> Matches:
    return Matches(np.array([place], np.float64), np.array([[1.0, 1.0]]), np.array([score], np.float64))


def raising(error: Exception) -> Any:
    raise error


def painting(picture: np.ndarray) -> Matches:
    picture[:] = 0
    return Matches.none()


SPOILED: dict[str, tuple[Any, str]] = {
    "no matches": (Spoiled(lambda asked, picture: []), "gave a list"),
    "outside": (Spoiled(lambda asked, picture: matches_at(-3, 1)), "'first' is outside"),
    "nowhere": (Spoiled(lambda asked, picture: matches_at(float("nan"), 1)), "'first' is outside"),
    "too sure": (Spoiled(lambda asked, picture: matches_at(1, 1, score=2)), "not a number from 0 to 1"),
    "other": (Spoiled(lambda asked, picture: matches_at(asked, 1)), "use a fixed seed"),
    "foreign": (Spoiled(lambda asked, picture: raising(OSError("disk"))), r"OSError was raised \(disk\)"),
    "harmful": (Spoiled(lambda asked, picture: painting(picture)), "picture was changed"),
    "unknowing": (Spoiled(lambda asked, picture: Matches.none(), knows_turns=None), "'knows_turns'"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_the_contract_of_matchers_tells_what_is_wrong(name: str):
    config, words = SPOILED[name]
    with pytest.raises(AssertionError, match=words):
        check_matcher(config, PAIR)


def test_the_contract_of_matchers_passes_good_ones_and_refusals():
    assert len(check_matcher(Spoiled(lambda asked, picture: matches_at(1, 1)), PAIR)) == 1
    with pytest.raises(MatchingError, match="no idea"):
        check_matcher(Spoiled(lambda asked, picture: raising(MatchingError("no idea", "", ""))), PAIR)


def test_the_matcher_in_the_manual_holds_to_the_contract(tmp_path: Path):
    manual = (Path(__file__).parents[2] / "docs" / "matchers.md").read_text()
    (tmp_path / "orb_matcher.py").write_text("\n".join(re.findall(r"```python\n(.*?)```", manual, re.DOTALL)))
    runpy.run_path(str(tmp_path / "orb_matcher.py"))["test_my_matcher_holds_to_the_contract"]()


@pytest.fixture(scope="module")
def tiny_loftr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An EfficientLoFTR of random weights, small enough to make and save at once."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("loftr")
    torch.manual_seed(0)
    config = transformers.EfficientLoFTRConfig(
        stage_num_blocks=[1, 1, 1, 1], out_features=[16, 16, 32, 32], hidden_size=32, num_attention_layers=1,
        coarse_matching_threshold=0.0, initializer_range=0.3,
    )  # fmt: skip
    transformers.EfficientLoFTRForKeypointMatching(config).save_pretrained(folder)
    transformers.EfficientLoFTRImageProcessor(size=PIXELS).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tiny_lightglue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LightGlue on SuperPoint, of random weights."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("lightglue")
    torch.manual_seed(0)
    points = transformers.SuperPointConfig(
        encoder_hidden_sizes=[8, 8, 16, 16], decoder_hidden_size=16, descriptor_decoder_dim=32,
        keypoint_threshold=0.0, max_keypoints=64, initializer_range=0.3,
    )  # fmt: skip
    config = transformers.LightGlueConfig(
        keypoint_detector_config=points, descriptor_dim=32, num_hidden_layers=2, num_attention_heads=2,
        filter_threshold=0.0, initializer_range=0.3,
    )  # fmt: skip
    transformers.LightGlueForKeypointMatching(config).save_pretrained(folder)
    transformers.LightGlueImageProcessor(size=PIXELS).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("network", ["tiny_loftr", "tiny_lightglue"])
def test_networks_of_transformers_hold_to_the_contract(network: str, request: pytest.FixtureRequest):
    transformers = pytest.importorskip("transformers")
    folder = request.getfixturevalue(network)
    choice = MatcherChoice("transformers", transformers=TransformersConfig(str(folder), least_score=0.0))
    matcher = choice.build()
    assert matcher is not None and not matcher.knows_turns
    check_matcher(choice.transformers, PAIR)
    itself = matcher.match(PAIR.first, PAIR.first)
    assert len(itself) and np.median(np.linalg.norm(itself.first - itself.second, axis=1)) < 3
    # Transformers' own places, in pixels of the picture that was given and cut off to whole ones.
    model = transformers.AutoModelForKeypointMatching.from_pretrained(folder).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    with torch.no_grad():
        outputs = model(**processor([PAIR.first, PAIR.first], return_tensors="pt"))
    (told,) = processor.post_process_keypoint_matching(outputs, [[PAIR.first.shape[:2]] * 2], 0.0)
    np.testing.assert_array_equal(np.floor(itself.first), told["keypoints0"].numpy())
    np.testing.assert_allclose(itself.scores, told["matching_scores"].numpy(), atol=1e-6)


def test_matches_a_network_is_not_sure_of_are_left_out(tiny_loftr: Path):
    every, some = (TransformersConfig(str(tiny_loftr), least_score=least).build() for least in (0.0, 0.9))
    assert len(some.match(PAIR.first, PAIR.second)) < len(every.match(PAIR.first, PAIR.second))


def test_a_network_that_fails_is_told(tiny_loftr: Path, monkeypatch: pytest.MonkeyPatch):
    matcher = TransformersConfig(str(tiny_loftr)).build()
    monkeypatch.setattr(matcher, "_network", lambda **inputs: raising(torch.OutOfMemoryError("12 GiB")))
    monkeypatch.setattr(matcher._processor, "post_process_keypoint_matching", lambda *_: [])
    with pytest.raises(MatchingError, match="failed: "):
        matcher.match(PAIR.first, PAIR.second)


def test_without_the_package_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ScorpError) as caught:
        TransformersConfig().build()
    assert caught.value.found == "transformers is not installed."
    assert caught.value.do == "Install it: pip install 'transformers>=4.56'"


def test_weights_that_are_missing_or_of_another_network_are_told(tiny_loftr: Path, tmp_path: Path):
    transformers = pytest.importorskip("transformers")
    with pytest.raises(ScorpError, match=r"are not at '.*nothing'.*Fetch them once: python -c"):
        TransformersConfig(str(tmp_path / "nothing")).build()
    transformers.SuperPointForKeypointDetection(transformers.SuperPointConfig()).save_pretrained(tmp_path)
    with pytest.raises(ScorpError, match="cannot be loaded: ValueError"):
        TransformersConfig(str(tmp_path)).build()
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in tiny_loftr.iterdir():
        (broken / path.name).write_bytes(path.read_bytes()[: -1 if path.suffix == ".json" else 1000])
    with pytest.raises(ScorpError, match="cannot be loaded"):
        TransformersConfig(str(broken)).build()


def test_a_device_that_is_not_there_is_told(tiny_loftr: Path):
    for device in ("cuda:7", "no such thing"):
        with pytest.raises(ScorpError, match="cannot run on the device"):
            TransformersConfig(str(tiny_loftr), device=device).build()
