"""Servers as generators: both protocols, and that no server, however bad, keeps a run, floods it or leads it astray."""

from __future__ import annotations

import base64
import io
import json
import socket
import stat
import threading
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from job_servers import (
    Answer,
    JobServer,
    archive,
    box_file,
    die_half_way,
    endlessly,
    first,
    hang,
    hunyuan,
    plain,
    serving,
    slowly,
    states,
)
from PIL import Image

from scorp_ns.errors import CancelledError, GenerationError
from scorp_ns.generate.contract import check_generator
from scorp_ns.generate.example_request import example_request
from scorp_ns.generate.external.http import HttpConfig, transport
from scorp_ns.generate.generator import Work
from scorp_ns.products import ProxyAsset
from scorp_ns.surfaces.mesh import ColoredMesh

REQUEST = example_request("a/../mug ☕")
REQUEST = replace(REQUEST, views=REQUEST.views[:1], frames=REQUEST.frames[:1], windows=REQUEST.windows[:1])
"""As little as a request can be, since it is sent so often."""


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FIRST_PAUSE_S", 0.01)


def config(url: str, **settings: Any) -> HttpConfig:
    return HttpConfig(url, **{"poll_s": 0.01, "retries": 2, "time_limit_s": 20.0, **settings})


def ask(server: JobServer, work: Work | None = None, **settings: Any) -> ProxyAsset:
    return config(server.url, **settings).build().generate(REQUEST, work or Work())


def answer_of(answers: dict[str, Answer], **settings: Any) -> ProxyAsset:
    with serving(answers) as server:
        return ask(server, **settings)


def assert_is_box(asset: ProxyAsset) -> None:
    assert isinstance(asset.shape, ColoredMesh)
    low, high = asset.shape.bounds
    np.testing.assert_allclose(sorted(high - low), [1, 2, 3], atol=1e-5)


def test_a_server_of_the_plain_protocol_holds_to_the_contract():
    def state(handler: Any) -> None:
        handler.say_json({"state": "done"})

    with serving(plain(state=state)) as server:
        assert_is_box(check_generator(config(server.url), REQUEST))


def test_a_server_is_sent_the_whole_job_and_tells_how_far_it_is():
    reports: list[tuple[float | None, str]] = []
    with serving(plain()) as server:
        asset = ask(server, Work(report=lambda share, text: reports.append((share, text))))
    assert_is_box(asset)
    assert asset.made_by == f"http: 127.0.0.1:{server.server_port}"
    assert reports[1:] == [(None, "waiting"), (0.5, "half")]
    with zipfile.ZipFile(io.BytesIO(server.requests[0].content)) as job:
        assert json.loads(job.read("job.json"))["name"] == REQUEST.name
        assert {"points.ply", "gaussians.ply", "views/00.png", "frames/00_mask.png"} <= set(job.namelist())
    assert server.asked[-1].startswith("DELETE /jobs/7%2F%C3%BC")


@pytest.mark.parametrize("kind", ["glb", "obj", "ply"])
def test_results_are_known_by_what_stands_in_them(kind: str):
    assert_is_box(answer_of(plain(result=lambda handler: handler.say(200, box_file(kind)))))


def test_an_archive_may_say_more_of_the_result():
    files = {"a/box.glb": box_file(), "result.json": b'{"file": "a/box.glb", "model": "Boxes", "up": [0, 0, 1]}'}
    asset = answer_of(plain(result=lambda handler: handler.say(200, archive(files))))
    assert_is_box(asset)
    assert (asset.made_by, asset.up) == ("Boxes", (0, 0, 1))


def test_hunyuan_gets_a_picture_on_white_and_its_model_is_read():
    with serving(hunyuan()) as server:
        asset = ask(server, dialect="hunyuan3d", parameters='{"octree_resolution": 64}')
    assert_is_box(asset)
    assert asset.made_by == "Hunyuan3D" and asset.up == (0, 1, 0) and asset.license
    sent = json.loads(server.requests[0].content)
    assert sent["octree_resolution"] == 64 and sent["seed"] == REQUEST.seed and sent["texture"] is True
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(sent["image"]))))
    assert (picture[picture[..., 3] == 0] == [255, 255, 255, 0]).all()
    is_object = REQUEST.views[0].rgba[..., 3] == 255
    np.testing.assert_array_equal(picture[is_object], REQUEST.views[0].rgba[is_object])


def test_hunyuan_can_be_asked_with_one_long_request():
    with serving(hunyuan()) as server:
        assert_is_box(ask(server, dialect="hunyuan3d", synchronous=True))
    assert server.asked == ["POST /generate"]


def test_a_model_that_is_still_being_written_is_waited_for():
    whole = box_file()
    written = [{"status": "completed", "model_base64": base64.b64encode(part).decode()} for part in (whole[:99], whole)]
    with serving(hunyuan(status=states(*written))) as server:
        assert_is_box(ask(server, dialect="hunyuan3d"))
    assert server.asked.count("GET /status/abc") == 2


@pytest.mark.parametrize("part", ["submit", "state", "result"])
@pytest.mark.parametrize("status", [500, 503, 429])
def test_what_fails_twice_and_then_succeeds_is_no_failure(part: str, status: int):
    good = plain()
    bad: Answer = lambda handler: handler.say(status, b"busy", Retry_After="0.01")  # noqa: E731
    place = {"submit": "POST /jobs", "state": "GET /jobs/7%2F%C3%BC", "result": "GET /jobs/7%2F%C3%BC/result"}[part]
    good[place] = first(2, bad, good[place])
    with serving(good) as server:
        assert_is_box(ask(server))
    keys = {str(handler.headers["Idempotency-Key"]) for handler in server.requests if handler.command == "POST"}
    assert len(keys) == 1


def test_a_connection_that_breaks_half_way_is_tried_again():
    good = plain()["GET /jobs/7%2F%C3%BC/result"]
    assert_is_box(answer_of(plain(result=first(1, die_half_way, good))))


def test_a_server_that_always_breaks_half_way_is_given_up():
    with serving(plain(result=die_half_way)) as server, pytest.raises(GenerationError, match="in 3 attempts; at last"):
        ask(server)
    assert server.asked[-1].startswith("DELETE /jobs/7%2F%C3%BC")


@pytest.mark.parametrize("status", [400, 401, 404, 413])
def test_what_is_our_own_fault_is_not_tried_again(status: int):
    refuse: Answer = lambda handler: handler.say(status, b"what is this?\n<b>")  # noqa: E731
    said = rf"with {status} \(.*\): 'what is this\? <b>'"
    with serving(plain(submit=refuse)) as server, pytest.raises(GenerationError, match=said):
        ask(server)
    assert server.asked == ["POST /jobs"]


def test_the_wait_that_a_server_asks_for_is_kept():
    refuse: Answer = lambda handler: handler.say(429, b"", Retry_After="0.7")  # noqa: E731
    good = plain()
    good["POST /jobs"] = first(1, refuse, good["POST /jobs"])
    start = time.monotonic()
    answer_of(good)
    assert time.monotonic() - start > 0.7


def test_a_server_that_wants_to_be_asked_tomorrow_does_not_keep_the_run():
    refuse: Answer = lambda handler: handler.say(503, b"", Retry_After="86400")  # noqa: E731
    start = time.monotonic()
    with pytest.raises(GenerationError, match=r"had not finished .* after 0\.5 seconds"):
        answer_of(plain(submit=refuse), time_limit_s=0.5)
    assert time.monotonic() - start < 3


def test_nobody_there_is_said():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(GenerationError, match="in 3 attempts; at last: Connection refused"):
            config(url).build().generate(REQUEST, Work())


def test_a_silent_server_is_given_up():
    with pytest.raises(GenerationError, match=r"at last: it was silent for 0\.2 seconds"):
        answer_of(plain(submit=hang), request_timeout_s=0.2, retries=1)


@pytest.mark.parametrize("change", [{"submit": hang}, {"state": hang}, {"result": hang}, {"result": slowly}])
def test_no_server_takes_longer_than_its_time_limit(change: dict[str, Answer]):
    start = time.monotonic()
    with pytest.raises(GenerationError, match="had not finished"):
        answer_of(plain(**change), time_limit_s=0.5)
    assert time.monotonic() - start < 3


@pytest.mark.parametrize("dialect", ["scorp", "hunyuan3d"])
def test_work_that_never_ends_is_given_up(dialect: str):
    answers = plain(state=states({"state": "working"})) | hunyuan(status=states({"status": "processing"}))
    with serving(answers) as server, pytest.raises(GenerationError, match="never tell that they failed"):
        ask(server, dialect=dialect, time_limit_s=2.0)
    assert (server.asked[-1].startswith("DELETE")) == (dialect == "scorp")


@pytest.mark.parametrize(
    "change",
    [
        {"submit": hang},
        {"state": hang},
        {"result": slowly},
        {"state": states({"state": "working"})},
        {"state": hang, "cancel": hang},
    ],
)
def test_cancelling_takes_less_than_a_second_whatever_the_server_does(change: dict[str, Answer]):
    cancelled = Event()
    with serving(plain(**change)) as server:
        threading.Timer(0.4, cancelled.set).start()
        start = time.monotonic()
        with pytest.raises(CancelledError):
            ask(server, Work(cancelled=cancelled))
        assert time.monotonic() - start < 0.4 + 1.0
    assert "submit" in change or server.asked[-1].startswith("DELETE")


def test_an_endless_result_is_cut_off_in_bounded_memory():
    tracemalloc.start()
    with pytest.raises(GenerationError, match=r"more and more bytes\. At most 3000000 bytes"):
        answer_of(plain(result=endlessly), max_mb=3.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40e6


def test_a_result_that_says_it_is_too_large_is_not_fetched():
    with pytest.raises(GenerationError, match="with 2000000 bytes"):
        answer_of(plain(result=lambda handler: handler.say(200, bytes(2_000_000))), max_mb=1.0)


@pytest.mark.parametrize("part", ["submit", "state"])
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[1]", b"{}", b"null", b'{"id": [], "state": 3}', b"[" * 100_000, b"\xff", b"9" * 9999]
)
def test_nonsense_is_told_of(part: str, body: bytes):
    with pytest.raises(GenerationError, match="answered for"):
        answer_of(plain(**{part: lambda handler: handler.say(200, body)}))


@pytest.mark.parametrize("body", [b"", b"<html>", b"glTF", b"ply\n", b"PK\x03\x04", b"{}", box_file()[:100]])
def test_garbage_for_a_result_is_told_of(body: bytes):
    with pytest.raises(GenerationError):
        answer_of(plain(result=lambda handler: handler.say(200, body)))


@pytest.mark.parametrize(
    "status",
    [{}, {"status": 3}, {"status": "completed"}, {"status": "completed", "model_base64": "??"}, {"status": "error"}],
)
def test_nonsense_of_hunyuan_is_told_of(status: dict[str, Any]):
    with pytest.raises(GenerationError):
        answer_of(hunyuan(status=states(status)), dialect="hunyuan3d")


def test_a_failure_on_the_server_is_told_in_its_words():
    with pytest.raises(GenerationError, match=r"failed to make .*: 'out of memory'"):
        answer_of(plain(state=states({"state": "failed", "message": "out\nof memory"})))


def link_archive() -> bytes:
    """An archive with a link that leads out of it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        link = zipfile.ZipInfo("result.ply")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(link, "/etc/passwd")
    return buffer.getvalue()


BAD_ARCHIVES: dict[str, Callable[[], bytes]] = {
    "climbing": lambda: archive({"../harm": b"x", "result.glb": box_file()}),
    "absolute": lambda: archive({"/tmp/harm": b"x", "result.glb": box_file()}),
    "backslashes": lambda: archive({"..\\harm": b"x", "result.glb": box_file()}),
    "a link": link_archive,
    "a bomb": lambda: archive({"result.glb": bytes(20_000_000)}),
    "many files": lambda: archive({f"{number}": b"" for number in range(1001)}),
    "no result": lambda: archive({"readme.txt": b"sorry"}),
    "a file leading out": lambda: archive({"result.json": b'{"file": "/etc/passwd"}'}),
    "a torn one": lambda: archive({"result.glb": box_file()})[:-30],
    "a file in a file": lambda: archive({"result.glb": box_file(), "result.glb/a": b""}),
    "a long name": lambda: archive({"x" * 5000: b""}),
}


@pytest.mark.parametrize("name", BAD_ARCHIVES)
def test_archives_write_nothing_beside_themselves(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    content = BAD_ARCHIVES[name]()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(GenerationError):
        answer_of(plain(result=lambda handler: handler.say(200, content)), max_mb=2.0)
    assert not list(tmp_path.iterdir())


def redirect(place: str, status: int = 307) -> Answer:
    return lambda handler: handler.say(status, b"", Location=place)


def test_redirections_on_the_same_server_are_followed():
    answers = plain(submit=redirect("/v2/jobs"))
    answers["POST /v2/jobs"] = plain()["POST /jobs"]
    with serving(answers) as server:
        assert_is_box(ask(server))
    assert server.requests[1].content == server.requests[0].content


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nothing_is_sent_to_another_server(status: int):
    with serving(plain()) as other, serving(plain(submit=redirect(f"{other.url}/jobs", status))) as server:
        error = pytest.raises(GenerationError, match="sent us on to")
        with error:
            ask(server)
    assert not other.asked


@pytest.mark.parametrize("place", ["file:///etc/passwd", "http://[", "ftp://127.0.0.1/", "//evil.example/jobs"])
def test_redirections_to_nowhere_are_refused(place: str):
    with pytest.raises(GenerationError, match="sent us on to"):
        answer_of(plain(submit=redirect(place)))


def test_redirections_in_a_circle_end():
    with pytest.raises(GenerationError, match="one redirection after another"):
        answer_of(plain(submit=redirect("/jobs")))


def test_a_token_is_sent_and_told_to_nobody(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MY_TOKEN", "secret-7")
    refuse: Answer = lambda handler: handler.say(401, b"no")  # noqa: E731
    with serving(plain(submit=refuse)) as server:
        with pytest.raises(GenerationError) as caught:
            ask(server, token_env="MY_TOKEN")
        assert server.requests[0].headers["Authorization"] == "Bearer secret-7"
        fingerprint = config(server.url, token_env="MY_TOKEN").build().fingerprint(REQUEST)
    assert "secret" not in str(caught.value) + fingerprint


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8080",
        "file:///etc/passwd",
        "ftp://a",
        "http://",
        "http://a:99999",
        "http://a:b",
        "http://[",
        "http://a/?x=1",
        "http://me:hunter2@a",
        "http://a\r\nX: 1",
        "http://a b",
    ],
)
def test_addresses_that_cannot_work_are_refused_when_built(url: str):
    with pytest.raises(GenerationError) as caught:
        HttpConfig(url).build()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("settings", [{"token_env": "NO_SUCH_VARIABLE"}, {"parameters": "{"}, {"parameters": "[]"}])
def test_settings_that_cannot_work_are_refused_when_built(settings: dict[str, str]):
    with pytest.raises(GenerationError):
        HttpConfig("http://a", **settings).build()  # type: ignore[arg-type]


def test_the_server_may_lie_below_a_path():
    answers = {key.replace("/jobs", "/shapes/jobs"): answer for key, answer in plain().items()}
    with serving(answers) as server:
        assert_is_box(config(f"{server.url}/shapes/").build().generate(REQUEST, Work()))
