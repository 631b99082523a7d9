"""A server of the plain protocol around a program: give it any command that you could give to `command`.

    python examples/03_generator_server.py --port 8080 -- python examples/02_visual_hull.py {job}

    ns-train scorp --data CAPTURE --pipeline.model.generator.name http \
        --pipeline.model.generator.http.url http://127.0.0.1:8080

It makes one object at a time. A token in the environment variable GENERATOR_TOKEN is asked of everybody. It is meant
for machines that you trust: put a proxy that speaks TLS before it when it is reached from elsewhere.
"""

from __future__ import annotations

import argparse
import hmac
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
import zipfile
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MOST_BYTES = 1 << 30
"""Of a job, packed and unpacked."""

MOST_DISCARDED_BYTES = 64 << 20
"""Of a job that is refused; a connection that is closed before may lose the answer."""

PATIENCE_S = 5
"""How long the next bytes of a job that is refused are waited for."""


class Job:
    """A folder in which a program is at work."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state, self.message = "waiting", ""
        self.process: subprocess.Popen[bytes] | None = None
        self.is_cancelled = False
        self.sent: set[str] = set()

    def run(self, command: list[str]) -> None:
        """Run the program, until it ends or is stopped."""
        if self.is_cancelled:
            return
        values = {"job": str(self.folder), "result": str(self.folder / "result.glb")}
        arguments = [re.sub(r"\{(job|result)\}", lambda found: values[found[1]], argument) for argument in command]
        with open(self.folder / "log.txt", "wb") as log:
            try:
                self.process = subprocess.Popen(arguments, stdout=log, stderr=log, start_new_session=True)
            except OSError as error:
                self.state, self.message = "failed", f"the program cannot be run: {error}"
                return
        self.state = "working"
        if self.is_cancelled:
            self.cancel()
        code = self.process.wait()
        is_done = code == 0 and any(self.folder.glob("result.*"))
        self.message = "" if is_done else f"exit code {code}: {self._last_line()}"
        self.state = "done" if is_done else "failed"

    def cancel(self) -> None:
        """Stop the program and all that it started."""
        self.is_cancelled = True
        if self.process is not None and self.process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def result(self) -> bytes:
        """All files beside those of the request, packed: what result.json names is among them."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for path in sorted(self.folder.rglob("*")):
                name = path.relative_to(self.folder).as_posix()
                if path.is_file() and not path.is_symlink() and name not in self.sent and name != "log.txt":
                    archive.write(path, name)
        return buffer.getvalue()

    def unpack(self, content: bytes) -> None:
        """Write the files of the request; a ValueError if they are not what they should be."""
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise ValueError("too large")
            # It leaves out of names what would lead out of the folder.
            archive.extractall(self.folder)
            self.sent = set(archive.namelist())
        json.loads((self.folder / "job.json").read_text(encoding="utf-8"))

    def _last_line(self) -> str:
        lines = (self.folder / "log.txt").read_text(errors="replace").split("\n")
        return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "it printed nothing")


class Jobs:
    """All jobs, which are done one after the other."""

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.known: dict[str, Job] = {}
        self.by_key: dict[str, str] = {}
        self.is_free = threading.Lock()
        self.is_adding = threading.Lock()

    def add(self, content: bytes, key: str | None) -> str:
        """The name of a new job, or of the one that was sent with the same key."""
        with self.is_adding:
            known = self.by_key.get(key or "")
            return known if known in self.known else self._start(content, key)

    def _start(self, content: bytes, key: str | None) -> str:
        job = Job(Path(tempfile.mkdtemp(prefix="job-")))
        try:
            job.unpack(content)
        except BaseException:
            shutil.rmtree(job.folder)
            raise
        name = uuid.uuid4().hex
        self.known[name] = job
        if key is not None:
            self.by_key[key] = name
        threading.Thread(target=self._work, args=(job,), daemon=True).start()
        return name

    def remove(self, name: str) -> None:
        """Stop a job and forget it."""
        job = self.known.pop(name)
        job.cancel()
        shutil.rmtree(job.folder, ignore_errors=True)

    def _work(self, job: Job) -> None:
        with self.is_free:
            job.run(self.command)


class Handler(BaseHTTPRequestHandler):
    """Answers what the protocol has."""

    jobs: Jobs
    token: str

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        if not self.is_known() or self.path != "/jobs":
            return self.refuse(401 if self.path == "/jobs" else 404, "not here", length)
        if not 0 < length <= MOST_BYTES:
            return self.refuse(413, "no job, or too large a one", length)
        try:
            name = self.jobs.add(self.rfile.read(length), self.headers.get("Idempotency-Key"))
        except (zipfile.BadZipFile, ValueError, OSError) as error:
            return self.say(400, {"message": f"this is no job: {error}"})
        self.say(201, {"id": name})

    def do_GET(self) -> None:
        found = re.fullmatch(r"/jobs/(\w+)(/result)?", self.path)
        job = self.jobs.known.get(found[1]) if found and self.is_known() else None
        if job is None:
            self.say(404 if self.is_known() else 401, {"message": "there is no such job"})
        elif found and found[2] and job.state != "done":
            self.say(404, {"message": "there is no result"})
        elif found and found[2]:
            self.say_bytes(200, job.result(), "application/zip")
        else:
            self.say(200, {"state": job.state, "progress": None, "message": job.message})

    def do_DELETE(self) -> None:
        name = self.path.removeprefix("/jobs/")
        if not self.is_known() or name not in self.jobs.known:
            return self.say(404 if self.is_known() else 401, {"message": "there is no such job"})
        self.jobs.remove(name)
        self.say(200, {})

    def is_known(self) -> bool:
        """Whether the token is right."""
        return not self.token or hmac.compare_digest(
            self.headers.get("Authorization", "").encode(), f"Bearer {self.token}".encode()
        )

    def refuse(self, status: int, message: str, length: int) -> None:
        """Answer without the job, and pass over what is sent of it."""
        self.say(status, {"message": message})
        self.connection.settimeout(PATIENCE_S)
        left = min(length, MOST_DISCARDED_BYTES)
        with suppress(OSError):
            while left > 0 and (chunk := self.rfile.read1(min(left, 1 << 16))):
                left -= len(chunk)

    def say(self, status: int, content: dict) -> None:
        """Answer with JSON."""
        self.say_bytes(status, json.dumps(content).encode(), "application/json")

    def say_bytes(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve a generator that is a program.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the program and its arguments, with {job}")
    options = parser.parse_args()
    Handler.jobs = Jobs(options.command[1:] if options.command[:1] == ["--"] else options.command)
    Handler.token = os.environ.get("GENERATOR_TOKEN", "")
    server = ThreadingHTTPServer((options.host, options.port), Handler)
    sys.stdout.write(f"http://{options.host}:{server.server_port}\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    finally:
        for name in list(Handler.jobs.known):
            Handler.jobs.remove(name)


if __name__ == "__main__":
    main()
