"""Replies are stored by content: found again when they are whole and the same was asked, and made anew otherwise."""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.generate.cache import generate_cached
from scorp_ns.generate.example_request import example_request
from scorp_ns.generate.generator import Work
from scorp_ns.generate.request_digest import request_digest
from scorp_ns.products import ProxyAsset, ProxyRequest
from scorp_ns.surfaces.mesh import ColoredMesh

REQUEST = example_request()

MESH = ColoredMesh(
    np.eye(3, dtype=np.float32), np.array([[0, 1, 2]]), np.linspace(0, 1, 9, dtype=np.float32).reshape(3, 3)
)

TURN = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)

POSED = ProxyAsset(
    MESH,
    made_by="Shapes ☕",
    T_capture_asset=Similarity(TURN, torch.tensor([1.0, 2, 3], dtype=torch.float64), 0.1),
    up=(0.0, 0.6, 0.8),
    evidence={"score": 0.1 + 0.2, "kind": "revolved", "worst": math.inf},
    license="MIT",
)


@dataclass
class Counting:
    """A generator that counts how often it works."""

    asset: ProxyAsset = POSED
    text: str | None = "counting"
    calls: int = 0

    def fingerprint(self, request: ProxyRequest) -> str | None:
        return self.text and f"{self.text} {request_digest(request)}"

    def generate(self, request: ProxyRequest, work: Work) -> ProxyAsset:
        self.calls += 1
        return self.asset


def test_a_mesh_comes_back_as_it_was_with_all_that_is_known_of_it(tmp_path: Path):
    generator = Counting()
    generate_cached(generator, REQUEST, Work(), tmp_path)
    stored = generate_cached(generator, REQUEST, Work(), tmp_path)
    assert generator.calls == 1
    assert isinstance(stored.shape, ColoredMesh) and stored.T_capture_asset is not None
    for field in ("vertices", "faces", "colors"):
        np.testing.assert_array_equal(getattr(stored.shape, field), getattr(MESH, field))
    assert torch.equal(stored.T_capture_asset.matrix, POSED.T_capture_asset.matrix)  # type: ignore[union-attr]
    assert replace(stored, shape=MESH, T_capture_asset=None) == replace(POSED, T_capture_asset=None)


def test_gaussians_come_back_as_they_were(tmp_path: Path):
    generator = Counting(ProxyAsset(REQUEST.gaussians, "copy"))
    generate_cached(generator, REQUEST, Work(), tmp_path)
    stored = generate_cached(generator, REQUEST, Work(), tmp_path)
    assert generator.calls == 1 and stored.T_capture_asset is stored.up is stored.license is None
    for field in ("means", "quats", "scales", "opacities", "harmonics"):
        assert torch.equal(getattr(stored.shape, field), getattr(REQUEST.gaussians, field))


def test_another_request_another_setting_or_a_wish_is_paid_for(tmp_path: Path):
    generator = Counting()
    generate_cached(generator, REQUEST, Work(), tmp_path)
    generate_cached(generator, replace(REQUEST, seed=2), Work(), tmp_path)
    assert generator.calls == 2
    generate_cached(generator, REQUEST, Work(), tmp_path, regenerate=True)
    assert generator.calls == 3
    generator.text = "counting better"
    generate_cached(generator, REQUEST, Work(), tmp_path)
    assert generator.calls == 4


def test_a_reply_that_costs_nothing_is_not_stored(tmp_path: Path):
    generator = Counting(text=None)
    for _ in range(2):
        generate_cached(generator, REQUEST, Work(), tmp_path / "cache")
    assert generator.calls == 2 and not (tmp_path / "cache").exists()


def test_a_torn_file_is_replaced_wherever_it_is_torn(tmp_path: Path):
    generator = Counting()
    generate_cached(generator, REQUEST, Work(), tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for length in range(0, len(whole), len(whole) // 40):
        path.write_bytes(whole[:length])
        before = generator.calls
        generate_cached(generator, REQUEST, Work(), tmp_path)
        assert generator.calls == before + 1
        # Times stand in the file.
        assert len(path.read_bytes()) == len(whole)


def test_a_flipped_bit_of_the_arrays_is_seen(tmp_path: Path):
    generator = Counting()
    generate_cached(generator, REQUEST, Work(), tmp_path)
    (path,) = tmp_path.iterdir()
    whole = bytearray(path.read_bytes())
    place = bytes(whole).index(MESH.colors.tobytes()) + 17
    whole[place] ^= 1
    path.write_bytes(whole)
    generate_cached(generator, REQUEST, Work(), tmp_path)
    assert generator.calls == 2


class Harm:
    """What runs a program when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("harm"),)  # type: ignore[return-value]


@pytest.mark.parametrize("kind", ["text", "pickle", "array", "archive", "pickles in an archive", "folder", "renamed"])
def test_files_of_others_count_as_absent(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    generator = Counting()
    folder = tmp_path / "cache"
    generate_cached(generator, REQUEST, Work(), folder)
    (path,) = folder.iterdir()
    mine = path.read_bytes()
    path.unlink()
    if kind == "text":
        path.write_text("no reply")
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(Harm()))
    elif kind == "array":
        with open(path, "wb") as file:
            np.save(file, np.zeros(3))
    elif kind == "archive":
        np.savez(path, a=np.zeros(3))
    elif kind == "pickles in an archive":
        np.savez(path, description=np.array([Harm()], dtype=object))
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(mine)
        other = replace(REQUEST, seed=2)
        generate_cached(generator, other, Work(), folder)
        (renamed,) = set(folder.iterdir()) - {path}
        renamed.replace(path)
        generator.calls -= 1
    assert generate_cached(generator, REQUEST, Work(), folder).made_by == POSED.made_by
    assert generator.calls == 2
    assert not (tmp_path / "harm").exists()


def test_a_reply_that_cannot_be_stored_is_not_lost(tmp_path: Path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    said: list[str] = []
    work = Work(warn=said.append)
    assert generate_cached(Counting(), REQUEST, work, tmp_path / "cache") is POSED
    assert "cannot be stored" in said[-1]


def with_evidence(evidence: object) -> ProxyAsset:
    """A possible reply of another package, without type checks."""
    asset = replace(POSED)
    object.__setattr__(asset, "evidence", evidence)
    return asset


def test_numbers_of_numpy_are_stored_and_what_cannot_be_is_not_lost(tmp_path: Path):
    generator = Counting(with_evidence({"score": np.float32(0.5)}))
    for _ in range(2):
        assert generate_cached(generator, REQUEST, Work(), tmp_path).evidence == {"score": 0.5}
    assert generator.calls == 1
    strange = Counting(with_evidence({"path": tmp_path}), "strange")
    assert generate_cached(strange, REQUEST, Work(), tmp_path) is strange.asset


def test_no_half_written_files_are_left(tmp_path: Path):
    generate_cached(Counting(), REQUEST, Work(), tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]


def test_the_digest_is_the_same_for_what_differs_by_rounding_and_by_training():
    view = REQUEST.views[0]
    moved = replace(view, viewmat=view.viewmat + 1e-7, K=view.K + 1e-5)
    trained = replace(REQUEST.gaussians, means=REQUEST.gaussians.means + 0.001)
    assert request_digest(replace(REQUEST, views=(moved, *REQUEST.views[1:]))) == request_digest(REQUEST)
    assert request_digest(replace(REQUEST, gaussians=trained)) == request_digest(REQUEST)


def test_the_digest_tells_what_matters_apart():
    view = REQUEST.views[0]
    rgba, roles, K = view.rgba.copy(), view.trimap.copy(), view.K.clone()
    rgba[0, 0, 0] ^= 1
    roles[0, 0] ^= 1
    K[0, 0] *= 1.1
    turned = TURN.new_zeros(4, 4)
    turned[:3, :3], turned[3, 3] = TURN, 1.0
    changed = [
        replace(REQUEST, name="other"),
        replace(REQUEST, prompt="other"),
        replace(REQUEST, seed=2),
        replace(REQUEST, views=REQUEST.views[:2], frames=REQUEST.frames[:2]),
        *(
            replace(REQUEST, views=(replace(view, **change), *REQUEST.views[1:]))
            for change in ({"rgba": rgba}, {"trimap": roles}, {"K": K}, {"viewmat": view.viewmat @ turned})
        ),
    ]
    assert len({request_digest(request) for request in [REQUEST, *changed]}) == len(changed) + 1
