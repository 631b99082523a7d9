"""Real servers on this machine that speak the protocols of generators, well or badly."""

from __future__ import annotations

import base64
import io
import json
import socket
import struct
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import trimesh

Answer = Callable[["Handler"], None]


def box_file(kind: str = "glb") -> bytes:
    """A small box as a file."""
    mesh = trimesh.creation.box((1, 2, 3))
    mesh.visual.vertex_colors = np.full((8, 4), 200, np.uint8)
    content = mesh.export(file_type=kind)
    return content.encode() if isinstance(content, str) else content


class Handler(BaseHTTPRequestHandler):
    """Answers by what the server was given for the method and the first parts of the path."""

    server: JobServer
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        self.content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(f"{self.command} {self.path}")
        self.server.requests.append(self)
        for start, answer in self.server.answers.items():
            if f"{self.command} {self.path}".startswith(start):
                return answer(self)
        self.say(404, b"no such place")

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815

    def say(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A whole answer."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def say_json(self, content: Any, status: int = 200) -> None:
        self.say(status, json.dumps(content).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on the terminal."""


class JobServer(ThreadingHTTPServer):
    """A server whose answers can be exchanged."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, answers: dict[str, Answer]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        self.asked: list[str] = []
        self.requests: list[Handler] = []
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what is tested."""


def states(*answers: dict[str, Any]) -> Answer:
    """Tells one state after the other, then the last one again and again."""
    left = list(answers)
    return lambda handler: handler.say_json(left.pop(0) if len(left) > 1 else left[0])


def plain(**changes: Answer) -> dict[str, Answer]:
    """The answers of a good server of the plain protocol, with some exchanged."""
    answers = {
        "submit": lambda handler: handler.say_json({"id": "7/ü"}, 201),
        "state": states(
            {"state": "waiting"}, {"state": "working", "progress": 0.5, "message": "half"}, {"state": "done"}
        ),
        "result": lambda handler: handler.say(200, box_file()),
        "cancel": lambda handler: handler.say(204),
        **changes,
    }
    job = "/jobs/7%2F%C3%BC"
    return {
        "POST /jobs": answers["submit"],
        f"GET {job}/result": answers["result"],
        f"GET {job}": answers["state"],
        f"DELETE {job}": answers["cancel"],
    }


def hunyuan(**changes: Answer) -> dict[str, Answer]:
    """The answers of a good api_server.py, with some exchanged."""
    whole = {"status": "completed", "model_base64": base64.b64encode(box_file()).decode()}
    answers = {
        "send": lambda handler: handler.say_json({"uid": "abc"}),
        "status": states({"status": "processing"}, {"status": "texturing"}, whole),
        "generate": lambda handler: handler.say(200, box_file()),
        **changes,
    }
    return {"POST /send": answers["send"], "GET /status/abc": answers["status"], "POST /generate": answers["generate"]}


def archive(files: dict[str, bytes]) -> bytes:
    """These files in a ZIP archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return buffer.getvalue()


def hang(handler: Handler) -> None:
    """Never answer."""
    handler.server.ended.wait(30)


def slowly(handler: Handler) -> None:
    """Send a result byte by byte, for ever."""
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.ended.wait(0.05):
        handler.wfile.write(b"x")


def endlessly(handler: Handler) -> None:
    """Send more and more."""
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.ended.is_set():
        handler.wfile.write(bytes(1 << 16))


def die_half_way(handler: Handler) -> None:
    """Promise a whole file, send half of it and reset the connection."""
    content = box_file()
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def first(times: int, bad: Answer, good: Answer) -> Answer:
    """Bad answers at first, good ones then."""
    left = [bad] * times
    return lambda handler: (left.pop() if left else good)(handler)


@contextmanager
def serving(answers: dict[str, Answer]) -> Iterator[JobServer]:
    """The server, until the end."""
    server = JobServer(answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
