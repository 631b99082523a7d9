"""The documentation says what is there: its links, paths, options and pages exist, and the README stays short."""

from __future__ import annotations

import dataclasses
import importlib
import re
import shlex
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]

LONGEST_README = 120

FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
MODULE = re.compile(r"\bscorp_ns(?:\.\w+)+")
REPOSITORY_PATH = re.compile(r"\b(?:scorp_ns|tests|benchmarks|examples|docs|assets)/[\w./-]*[\w/]")
MODEL_OPTION = re.compile(r"--pipeline(?:\.[\w-]+)+(?:\.\*)?")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def prose(page: Path) -> str:
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def headings(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    found = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= LONGEST_README


def test_the_index_names_every_page():
    linked = set(LINK.findall((ROOT / "docs" / "README.md").read_text(encoding="utf-8")))
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"} <= linked


@every_page
def test_links_lead_somewhere(page: Path):
    for link in LINK.findall(prose(page)):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in headings(target), f"{link} has no such heading"


@every_page
def test_modules_and_files_that_are_named_exist(page: Path):
    text = page.read_text(encoding="utf-8")
    missing = [path for path in REPOSITORY_PATH.findall(prose(page)) if not (ROOT / path).exists()]
    assert not missing
    for name in set(MODULE.findall(text)):
        assert is_there(name), f"{name} does not exist"
    for module, names in re.findall(r"^from (scorp_ns[\w.]+) import (.+)$", text, re.MULTILINE):
        absent = [name for name in names.split(", ") if not is_there(f"{module}.{name}")]
        assert not absent, f"{module} has no {absent}"


def is_there(dotted: str) -> bool:
    """Whether a name is a module or something in one."""
    module, *names = dotted.split(".")
    found: Any = importlib.import_module(module)
    for name in names:
        module = f"{module}.{name}"
        if not hasattr(found, name):
            try:
                importlib.import_module(module)
            except ModuleNotFoundError:
                return False
        found = getattr(found, name)
    return True


def options(config: Any, prefix: str = "") -> Iterator[str]:
    """The options that tyro makes of a configuration, the names of groups included."""
    for field in dataclasses.fields(config):
        name, value = prefix + field.name.replace("_", "-"), getattr(config, field.name, None)
        yield name
        if dataclasses.is_dataclass(value):
            yield from options(value, f"{name}.")


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    """The options of every command: `ns-train`, `scorp export` and so on."""
    from scorp_ns.cli.main import COMMANDS
    from scorp_ns.config import scorp_quick

    return {
        "ns-train": {f"--{name}" for name in options(scorp_quick.config)},
        **{
            f"scorp {name}": {f"--{no}{option}" for option in options(of) for no in ("", "no-")}
            for name, of in COMMANDS.items()
        },
        **host_options(),
    }


def host_options() -> dict[str, set[str]]:
    """The options of nerfstudio's own tools, of all of their subcommands together."""
    found = {}
    for tool in ("ns-viewer", "ns-eval", "ns-render", "ns-export", "ns-process-data"):
        (entry,) = metadata.entry_points(group="console_scripts", name=tool)
        classes = [one for one in vars(importlib.import_module(entry.module)).values() if isinstance(one, type)]
        configs = [one for one in classes if dataclasses.is_dataclass(one)]
        found[tool] = {f"--{name}" for one in configs for name in options(one)}
    return found


def commands(page: Path) -> Iterator[list[str]]:
    """The command lines of a page, in blocks and within sentences, word by word."""
    text = page.read_text(encoding="utf-8")
    blocks = [block for language, block in FENCED.findall(text) if language == "bash"]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", prose(page))]
    for line in lines:
        for part in re.split(r" && ", line):
            if re.match(r"(ns-\w+|scorp) ", part):
                yield shlex.split(part, comments=True)


@every_page
def test_commands_and_their_options_exist(page: Path, known: dict[str, set[str]]):
    for words in commands(page):
        command = " ".join(words[:2]) if words[0] == "scorp" else words[0]
        assert command in known, f"{command} is no command"
        given = {word for word in words if word.startswith("--")} - {"--help"}
        assert given <= known[command], f"{command} has no {sorted(given - known[command])}"
        if command == "ns-train":
            assert words[1] in ("scorp", "scorp-quick")


@every_page
def test_options_that_sentences_name_exist(page: Path, known: dict[str, set[str]]):
    text = page.read_text(encoding="utf-8")
    named = {option.removesuffix(".*") for option in MODEL_OPTION.findall(text)}
    assert not named - known["ns-train"]
    alone = set(re.findall(r"`(--[\w.-]*\w)", prose(page)))
    assert not alone - set.union(*known.values()) - FOREIGN_OPTIONS


FOREIGN_OPTIONS = {"--name"}
"""Options of programs that users bring."""
