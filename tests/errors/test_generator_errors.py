"""Every fault of programs and servers that make proxies is told word for word as in generator_messages.json.

After a deliberate change of wording, `SCORP_WRITE_MESSAGES=1 pytest tests/errors` writes the file anew, to be read.
"""

from __future__ import annotations

import json
import re
import shlex
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from job_servers import Answer, archive, box_file, die_half_way, hang, hunyuan, plain, serving, states
from message_snapshots import check_message, check_names

from scorp_ns.errors import ScorpError
from scorp_ns.generate.example_request import example_request
from scorp_ns.generate.external.command import CommandConfig
from scorp_ns.generate.external.http import HttpConfig, transport
from scorp_ns.generate.external.job_folder import write_job
from scorp_ns.generate.external.job_result import read_result
from scorp_ns.generate.generator import Work

MESSAGES = Path(__file__).parent / "generator_messages.json"

REQUEST = example_request()
REQUEST = replace(REQUEST, views=REQUEST.views[:1], frames=REQUEST.frames[:1], windows=REQUEST.windows[:1])

Fault = Callable[[Path], object]

FAULTS: dict[str, Fault] = {}
"""What raises the error, given a folder for its files."""


def fault(apply: Fault) -> Fault:
    FAULTS[apply.__name__] = apply
    return apply


def template_fault(name: str, template: str) -> None:
    FAULTS[f"template_{name}"] = lambda folder: CommandConfig(template).build()


template_fault("is_missing", "")
template_fault("has_an_open_quote", "python 'run.py {job}")
template_fault("has_an_open_brace", "python run.py {job")
template_fault("has_an_unknown_placeholder", "python run.py {folder} {job}")
template_fault("tells_nothing_of_the_job", "python run.py {name}")
template_fault("gives_words_to_a_shell", "bash -c 'make {name} {job}'")
template_fault("gives_words_as_a_script", "bash -c {name} {job}")
template_fault("names_a_program_that_is_not_there", "no-such-program {job}")


def program_fault(name: str, lines: str, kept: bool = True, **settings: Any) -> None:
    """Register a program of Python that fails."""

    def apply(folder: Path) -> object:
        words = shlex.join([sys.executable, "-u", "-c", "import sys,time;job=sys.argv[1];" + lines])
        keep_jobs = folder / "jobs" if kept else None
        config = CommandConfig(f"{words} {{job}}", keep_jobs=keep_jobs, **settings)
        return config.build().generate(REQUEST, Work())

    FAULTS[f"program_{name}"] = apply


program_fault("fails", "print('Loading the model');print('CUDA out of memory', file=sys.stderr);sys.exit(1)")
program_fault("fails_silently", "sys.exit(3)", kept=False)
program_fault("takes_too_long", "print('step 1', flush=True);time.sleep(60)", time_limit_s=0.5)
program_fault("kills_itself", "import os;os.kill(os.getpid(), 9)")
program_fault("leaves_nothing", "print('done')")


@fault
def program_vanishes(folder: Path) -> object:
    program = folder / "run"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    generator = CommandConfig(f"{program} {{job}}", keep_jobs=folder / "jobs").build()
    program.unlink()
    return generator.generate(REQUEST, Work())


@fault
def work_is_cancelled(folder: Path) -> object:
    cancelled = Event()
    cancelled.set()
    return CommandConfig("echo {job}").build().generate(REQUEST, Work(cancelled=cancelled))


@fault
def job_cannot_be_written(folder: Path) -> object:
    (folder / "file").touch()
    return write_job(folder / "file" / "job", REQUEST)


def description_fault(name: str, content: Any) -> None:
    """Register a good result with this content of result.json."""

    def apply(folder: Path) -> object:
        (folder / "result.glb").write_bytes(box_file())
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        (folder / "result.json").write_bytes(text)
        return read_result(folder, "ball", "x")

    FAULTS[f"description_{name}"] = apply


description_fault("is_not_json", b"{'file': 1}")
description_fault("is_not_text", b"\xff\xfe")
description_fault("is_nested_endlessly", b"[" * 200_000)
description_fault("is_huge", b" " * 2_000_000)
description_fault("has_an_endless_number", b'{"seed": ' + b"9" * 9999 + b"}")
description_fault("is_a_list", ["result.glb"])
description_fault("names_no_file", {"file": "other.glb"})
description_fault("names_a_number", {"file": 3})
description_fault("leads_out", {"file": "../other.glb"})
description_fault("leads_out_from_the_root", {"file": "/etc/passwd"})
description_fault("leads_to_a_null_byte", {"file": "a\0b"})
description_fault("has_a_flat_pose", {"asset_to_capture": [[0] * 4] * 4})
description_fault("has_a_short_pose", {"asset_to_capture": [[1, 0, 0]]})
description_fault("has_no_up", {"up": [0, 0, 0]})
description_fault("has_a_wrong_seed", {"seed": 1.5})
description_fault("has_a_wrong_model", {"model": ["TRELLIS"]})


def setting_fault(name: str, **settings: Any) -> None:
    FAULTS[f"http_{name}"] = lambda folder: HttpConfig(**{"url": "http://127.0.0.1:8080", **settings}).build()


setting_fault("has_no_url", url="")
setting_fault("has_no_scheme", url="127.0.0.1:8080")
setting_fault("has_another_scheme", url="file:///etc/passwd")
setting_fault("has_a_broken_url", url="http://[")
setting_fault("has_a_password", url="http://me:secret@127.0.0.1")
setting_fault("has_no_token", token_env="NO_SUCH_VARIABLE")
setting_fault("has_parameters_that_are_not_json", parameters="octree_resolution=256")
setting_fault("has_parameters_that_are_a_list", parameters="[256]")


def server_fault(name: str, answers: Callable[[], dict[str, Answer]], **settings: Any) -> None:
    """Register a server that answers badly."""

    def apply(folder: Path) -> object:
        with serving(answers()) as server:
            config = HttpConfig(server.url, **{"poll_s": 0.01, "retries": 1, "time_limit_s": 20.0, **settings})
            return config.build().generate(REQUEST, Work())

    FAULTS[f"server_{name}"] = apply


def saying(status: int, body: bytes = b"", **headers: str) -> Answer:
    return lambda handler: handler.say(status, body, **headers)


HUNYUAN = {"dialect": "hunyuan3d"}

server_fault("knows_no_jobs", dict)
server_fault("wants_a_token", lambda: plain(submit=saying(401, b"who are you?")))
server_fault("finds_the_job_too_large", lambda: plain(submit=saying(413)))
server_fault("is_out_of_order", lambda: plain(submit=saying(500, b"Internal Server Error")))
server_fault("is_busy", lambda: plain(submit=saying(429, b"later", Retry_After="0")))
server_fault("is_silent", lambda: plain(submit=hang), request_timeout_s=0.2)
server_fault("never_finishes", lambda: plain(state=states({"state": "working"})), time_limit_s=0.3)
server_fault(
    "never_finishes_in_silence", lambda: hunyuan(status=states({"status": "processing"})), time_limit_s=0.3, **HUNYUAN
)
server_fault("dies_half_way", lambda: plain(result=die_half_way))
server_fault("gives_no_json", lambda: plain(submit=saying(200, b"<html>Welcome</html>")))
server_fault("gives_a_list", lambda: plain(submit=saying(200, b"[]")))
server_fault("gives_no_id", lambda: plain(submit=saying(200, b"{}")))
server_fault("gives_an_unknown_state", lambda: plain(state=states({"state": "asleep"})))
server_fault("failed", lambda: plain(state=states({"state": "failed", "message": "CUDA out of memory"})))
server_fault("failed_silently", lambda: plain(state=states({"state": "failed"})))
server_fault("gives_an_empty_result", lambda: plain(result=saying(200)))
server_fault("gives_a_page_for_a_result", lambda: plain(result=saying(200, b"<html>")))
server_fault("gives_a_large_result", lambda: plain(result=saying(200, bytes(2_000_000))), max_mb=1.0)
server_fault("gives_a_torn_archive", lambda: plain(result=saying(200, b"PK\x03\x04")))
server_fault("gives_an_archive_that_leads_out", lambda: plain(result=saying(200, archive({"../a": b""}))))
server_fault("gives_an_archive_without_a_result", lambda: plain(result=saying(200, archive({"a": b""}))))
server_fault("gives_a_bomb", lambda: plain(result=saying(200, archive({"a": bytes(2_000_000)}))), max_mb=1.0)
server_fault("sends_us_away", lambda: plain(submit=saying(307, Location="http://evil.example/jobs")))
server_fault("sends_us_round", lambda: plain(submit=saying(307, Location="/jobs")))
server_fault("gives_no_uid", lambda: hunyuan(send=saying(200, b"{}")), **HUNYUAN)
server_fault("gives_no_status", lambda: hunyuan(status=states({})), **HUNYUAN)
server_fault("gives_no_model", lambda: hunyuan(status=states({"status": "completed"})), **HUNYUAN)
server_fault("tells_an_error", lambda: hunyuan(status=states({"status": "error", "message": "no"})), **HUNYUAN)
server_fault("answers_at_once_with_a_page", lambda: hunyuan(generate=saying(200, b"<p>")), synchronous=True, **HUNYUAN)
server_fault("fails_at_once", lambda: hunyuan(generate=saying(404, b'{"error_code": 1}')), synchronous=True, **HUNYUAN)


@fault
def server_is_not_there(folder: Path) -> object:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        config = HttpConfig(f"http://127.0.0.1:{unused.getsockname()[1]}", retries=0)
        return config.build().generate(REQUEST, Work())


@fault
def hunyuan_gets_no_picture(folder: Path) -> object:
    config = HttpConfig("http://127.0.0.1:8080", dialect="hunyuan3d")
    return config.build().generate(replace(REQUEST, views=(), frames=()), Work())


def said_by(name: str, folder: Path) -> str:
    """The error, without what differs from run to run."""
    folder.mkdir()
    with pytest.raises(ScorpError) as caught:
        FAULTS[name](folder)
    error = caught.value
    assert error.found.endswith(".") and error.needed.endswith(".")
    said = str(error).replace(str(folder), "<folder>")
    return re.sub(r"127\.0\.0\.1:(?!8080)\d+", "127.0.0.1:<port>", said)


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_with_generators_is_said(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FIRST_PAUSE_S", 0.01)
    said = said_by(name, tmp_path / "folder")
    check_message(MESSAGES, name, said, FAULTS)


def test_there_is_a_message_for_every_fault_and_no_other() -> None:
    check_names(MESSAGES, FAULTS)
