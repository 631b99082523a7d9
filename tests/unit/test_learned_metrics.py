"""Learned metrics are found with the weights on disk, or say why not; they never download."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
import torch

from scorp_ns.evaluate import learned
from scorp_ns.evaluate.learned import ClipSimilarity, Musiq, absent_metrics, musiq_weights_path, why_lpips_is_absent
from scorp_ns.evaluate.metrics import lpips_weights_path

WIDTH = 12
"""Of the embeddings of the tiny network."""


def image(seed: int) -> torch.Tensor:
    return torch.rand(24, 40, 3, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "find_spec", lambda name: None)


@pytest.fixture
def empty_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A torch hub without weights."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    return tmp_path


@pytest.fixture
def pyiqa_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where to write a module that is found as pyiqa."""
    monkeypatch.syspath_prepend(tmp_path)
    known = sys.modules.pop("pyiqa", None)
    yield tmp_path / "pyiqa.py"
    sys.modules.pop("pyiqa", None)
    if known is not None:
        sys.modules["pyiqa"] = known


@pytest.fixture
def fake_pyiqa(pyiqa_file: Path) -> None:
    """A pyiqa whose MUSIQ is the mean of a batch of images, and which insists on weights from a file."""
    pyiqa_file.write_text(
        dedent(
            """
            from pathlib import Path

            def create_metric(name, device, pretrained_model_path):
                assert name == "musiq" and Path(pretrained_model_path).is_file()
                def mean(images):
                    assert images.shape[:2] == (1, 3) and images.device == device
                    return images.mean(dim=(1, 2, 3), keepdim=False)[:, None]
                return mean
            """
        )
    )


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP of random weights, small enough to make and save at once."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("clip")
    tower = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    tower["projection_dim"] = WIDTH
    config = transformers.CLIPConfig(
        text_config=tower | {"vocab_size": 9}, vision_config=tower | {"image_size": 32, "patch_size": 8}
    )
    config.projection_dim = WIDTH
    torch.manual_seed(0)
    transformers.CLIPModel(config).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size).save_pretrained(folder)
    return folder


def test_without_packages_the_command_that_installs_them_is_told(no_packages: None):
    assert ClipSimilarity.find() == ("transformers is not installed. Install it with: pip install 'transformers>=4.45'")
    assert Musiq.find() == "pyiqa is not installed. Install it with: pip install pyiqa 'numpy<2'"


def test_a_package_that_does_not_import_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "pyiqa.py").write_text("import scorp_tests_has_no_such_module")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pyiqa", raising=False)
    assert str(Musiq.find()).startswith(
        "pyiqa is broken: No module named 'scorp_tests_has_no_such_module'. Install it "
    )


def test_without_weights_the_command_that_fetches_them_is_told(empty_hub: Path):
    expected = f"Its weights are not at {lpips_weights_path()}. Fetch them once with: python -c "
    assert str(why_lpips_is_absent()).startswith(expected)
    lpips_weights_path().parent.mkdir()
    lpips_weights_path().touch()
    assert why_lpips_is_absent() is None


def test_all_that_is_left_out_is_named_with_its_reason(no_packages: None, empty_hub: Path):
    assert set(absent_metrics()) == {"lpips", "clip_s", "musiq"}
    lpips_weights_path().parent.mkdir()
    lpips_weights_path().touch()
    assert set(absent_metrics()) == {"clip_s", "musiq"}


def test_clip_finds_an_image_like_itself_and_less_like_another(tiny_clip: Path):
    metric = ClipSimilarity.find(tiny_clip)
    assert isinstance(metric, ClipSimilarity)
    assert metric(image(0), image(0)) == pytest.approx(1, abs=1e-5)
    assert -1 <= metric(image(0), torch.zeros(24, 40, 3)) < 1 - 1e-4
    assert metric(image(0), image(1)) == pytest.approx(metric(image(1), image(0)), abs=1e-5)


def test_clip_s_is_the_cosine_of_the_networks_own_embeddings(tiny_clip: Path):
    transformers = pytest.importorskip("transformers")
    metric = ClipSimilarity.find(tiny_clip)
    assert isinstance(metric, ClipSimilarity)
    square = torch.rand(2, 32, 32, 3, generator=torch.Generator().manual_seed(3))
    processor = transformers.CLIPImageProcessor.from_pretrained(tiny_clip)
    pixels = (square - torch.tensor(processor.image_mean)) / torch.tensor(processor.image_std)
    network = transformers.CLIPVisionModelWithProjection.from_pretrained(tiny_clip).eval()
    with torch.no_grad():
        first, second = network(pixel_values=pixels.permute(0, 3, 1, 2)).image_embeds
    expected = torch.nn.functional.cosine_similarity(first, second, dim=0).item()
    assert metric(square[0], square[1]) == pytest.approx(expected, abs=1e-5)


def test_clip_sees_the_margins_of_a_wide_image(tiny_clip: Path):
    metric = ClipSimilarity.find(tiny_clip)
    assert isinstance(metric, ClipSimilarity)
    marked = image(0).clone()
    marked[:, :6] = 0
    assert metric(image(0), marked) < 1 - 1e-5


def test_weights_that_are_not_on_disk_are_not_looked_for_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("transformers")
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("asked the network"))
    for weights in (tmp_path / "nothing", "scorp-tests/no-such-clip"):
        found = ClipSimilarity.find(weights)
        assert isinstance(found, str) and found.startswith(f"Its weights are not at {weights}, as a folder or in ")


def test_broken_and_foreign_weights_are_refused(tiny_clip: Path, tmp_path: Path):
    safetensors = pytest.importorskip("safetensors.torch")
    for file in tiny_clip.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "model.safetensors"
    some = safetensors.load_file(weights)
    some.pop("visual_projection.weight")
    safetensors.save_file(some, weights, metadata={"format": "pt"})
    assert "is no CLIP: 1 of its weights are missing." in str(ClipSimilarity.find(tmp_path))
    weights.write_bytes(b"broken")
    assert "are broken: " in str(ClipSimilarity.find(tmp_path))


def test_musiq_is_asked_with_its_weights_from_disk(fake_pyiqa: None, empty_hub: Path):
    assert str(Musiq.find()).startswith(f"Its weights are not at {musiq_weights_path()}. Fetch them once with: ")
    musiq_weights_path().parent.mkdir()
    musiq_weights_path().touch()
    metric = Musiq.find()
    assert isinstance(metric, Musiq)
    assert metric(torch.full((8, 9, 3), 0.25)) == pytest.approx(0.25)
    assert metric(torch.full((8, 9, 3), 7.0)) == 1
