"""Sources of masks are found by name, ours and those of other packages, and hold to the contract."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from mask_files import HEIGHT, WIDTH, frames, label_maps, save, write_folders, write_maps

from scorp_ns.errors import ScorpError
from scorp_ns.masks.contract import check_mask_source
from scorp_ns.masks.files import FilesConfig
from scorp_ns.masks.source import MaskRequest
from scorp_ns.plugins.registry import MASK_SOURCES, load_plugin, plugin_names
from scorp_ns.products import LabelMap, ObjectInfo, ObjectMasks


@dataclass(frozen=True)
class StripesConfig:
    """A mask source of another package: the left third of every image is an object."""

    name: str = "left"

    def build(self, request: MaskRequest) -> ObjectMasks | None:
        def read() -> LabelMap:
            labels = np.zeros((HEIGHT, WIDTH), np.int16)
            labels[:, : WIDTH // 3] = 1
            return labels

        return ObjectMasks((ObjectInfo(self.name),), (read,) * len(request.frames), "stripes")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A function that installs a package, as far as entry points can see, with these lines in its group."""
    module = ModuleType("stripes")
    module.StripesConfig = StripesConfig  # type: ignore[attr-defined]
    module.number = 3  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "stripes", module)
    monkeypatch.syspath_prepend(tmp_path / "site")

    def install_package(lines: str) -> None:
        folder = tmp_path / "site" / "stripes-1.0.dist-info"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: stripes\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[{MASK_SOURCES}]\n{lines}\n")

    return install_package


def test_the_built_in_source_is_registered_like_any_other():
    assert load_plugin(MASK_SOURCES, "files") == FilesConfig()


def test_a_source_of_another_package_is_found_and_holds_to_the_contract(tmp_path: Path, install: Callable[[str], None]):
    install("stripes = stripes:StripesConfig")
    assert plugin_names(MASK_SOURCES) == ["files", "stripes"]
    masks = check_mask_source(load_plugin(MASK_SOURCES, "stripes"), MaskRequest(tmp_path, frames(tmp_path)))
    assert masks is not None and masks.objects[0].name == "left"


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(ScorpError) as caught:
        load_plugin(MASK_SOURCES, "sam")
    assert str(caught.value) == (
        "No plugin 'sam' is registered in 'scorp.mask_sources'. Registered are: 'files'. "
        "Choose one of these, or install the package that brings it."
    )


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("x = nowhere_at_all:Config", "(ModuleNotFoundError: No module named 'nowhere_at_all')"),
        ("x = stripes:Missing", "cannot be loaded (AttributeError"),
        ("x = stripes:number", "(stripes:number) is a int without build()."),
        ("files = stripes:StripesConfig", "'files' is registered 2 times in 'scorp.mask_sources'"),
    ],
)
def test_a_broken_plugin_is_named(install: Callable[[str], None], line: str, found: str):
    install(line)
    with pytest.raises(ScorpError) as caught:
        load_plugin(MASK_SOURCES, line.split(" ")[0])
    assert found in caught.value.found


@pytest.mark.parametrize("layout", ["folders", "maps", "maps of half the size", "none"])
def test_files_hold_to_the_contract(tmp_path: Path, layout: str):
    if layout == "folders":
        write_folders(tmp_path / "object_masks", label_maps())
    elif layout == "maps":
        write_maps(tmp_path / "masks", label_maps(5))
    elif layout == "maps of half the size":
        write_maps(tmp_path / "masks", [labels[::2, ::2] for labels in label_maps()])
    masks = check_mask_source(FilesConfig(), MaskRequest(tmp_path, frames(tmp_path)))
    assert (masks is None) == (layout == "none")


@dataclass
class Spoiled:
    """A source whose masks are spoiled in some way, other masks at every build."""

    spoil: Callable[[ObjectMasks, int], object]
    num_builds: int = 0

    def build(self, request: MaskRequest) -> ObjectMasks | None:
        self.num_builds += 1
        masks = StripesConfig().build(request)
        assert masks is not None
        return self.spoil(masks, self.num_builds)  # type: ignore[return-value]


def with_map(masks: ObjectMasks, labels: np.ndarray) -> ObjectMasks:
    return replace(masks, readers=(lambda: labels,) * len(masks.readers))


BLANK = np.zeros((HEIGHT, WIDTH), np.int16)

SPOILED: dict[str, tuple[Callable[[ObjectMasks, int], object], str]] = {
    "no masks": (lambda masks, build: [], "gave a list"),
    "few readers": (lambda masks, build: replace(masks, readers=masks.readers[:2]), "2 readers for 6 frames"),
    "no source": (lambda masks, build: replace(masks, source=" "), "'source' is empty"),
    "long source": (lambda masks, build: replace(masks, source="a\nb"), "several lines"),
    "other objects": (lambda masks, build: replace(masks, objects=(ObjectInfo(f"{build}"),)), "other objects"),
    "none later": (lambda masks, build: masks if build == 1 else None, "none the next time"),
    "some later": (lambda masks, build: None if build == 1 else masks, "some the next time"),
    "floats": (lambda masks, build: with_map(masks, BLANK.astype(float)), "not an array of int16"),
    "strange label": (lambda masks, build: with_map(masks, BLANK + np.int16(2)), "labels from 2 to 2"),
    "turned": (lambda masks, build: with_map(masks, BLANK.T.copy()), "is 36x48, and its image 48x36"),
    "other map": (lambda masks, build: with_map(masks, BLANK + np.int16(build % 2)), "changes when built again"),
    "some maps": (lambda masks, build: masks if build == 1 else replace(masks, readers=(None,) * 6), "two builds only"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_the_contract_tells_what_is_wrong(tmp_path: Path, name: str):
    spoil, words = SPOILED[name]
    with pytest.raises(AssertionError, match=words):
        check_mask_source(Spoiled(spoil), MaskRequest(tmp_path, frames(tmp_path)))


def test_the_contract_reads_maps_twice(tmp_path: Path):
    random = np.random.default_rng(0)

    def noisy(masks: ObjectMasks, build: int) -> ObjectMasks:
        del build
        return replace(masks, readers=(lambda: random.integers(0, 2, BLANK.shape, np.int16),) * len(masks.readers))

    with pytest.raises(AssertionError, match="changes when read again"):
        check_mask_source(Spoiled(noisy), MaskRequest(tmp_path, frames(tmp_path)))


def test_masks_that_go_missing_during_the_run_end_it(tmp_path: Path):
    save(tmp_path / "masks" / "0000.png", label_maps(1)[0])
    masks = FilesConfig().build(MaskRequest(tmp_path, frames(tmp_path, num_frames=1)))
    assert masks is not None
    (tmp_path / "masks" / "0000.png").unlink()
    with pytest.raises(ScorpError, match="does not exist, though it could be read at the start"):
        masks.label_map(0)
