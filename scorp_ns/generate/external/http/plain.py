"""The plain protocol of docs/generators.md: send a job folder, poll its state, fetch the result."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from scorp_ns.errors import GenerationError
from scorp_ns.generate.external.http.archives import ArchiveError, pack, unpack
from scorp_ns.generate.external.http.transport import SHOWN_CHARACTERS, Transport
from scorp_ns.generate.external.job_folder import write_job
from scorp_ns.generate.external.job_result import has_result, read_result
from scorp_ns.messages import one_line
from scorp_ns.products import ProxyAsset, ProxyRequest

JOB_NEEDED = 'An object with the job\'s "id" is needed.'
STATE_NEEDED = 'An object whose "state" is "waiting", "working", "done" or "failed" is needed.'
RESULT_NEEDED = "A .glb, .gltf, .obj or .ply file is needed, or a ZIP archive with a result as in a job folder."


def generate_plain(transport: Transport, request: ProxyRequest) -> ProxyAsset:
    """The reply of a server that speaks the plain protocol."""
    transport.work.report(None, "sending the job")
    job = f"/jobs/{quote(_submit(transport, request), safe='')}"
    try:
        _await(transport, job)
        content = transport.call("GET", f"{job}/result", most_bytes=transport.limits.most_bytes).body
    finally:
        transport.say_goodbye(job)
    with TemporaryDirectory(prefix="scorp-", ignore_cleanup_errors=True) as folder:
        _store(transport, content, Path(folder))
        return read_result(Path(folder), request.name, made_by=f"http: {transport.server.netloc}")


def _submit(transport: Transport, request: ProxyRequest) -> str:
    """The server's name for the job that it was sent."""
    with TemporaryDirectory(prefix="scorp-", ignore_cleanup_errors=True) as folder:
        write_job(Path(folder), request)
        body = pack(Path(folder))
    reply = transport.call("POST", "/jobs", body, "application/zip", key=uuid4().hex)
    name = transport.json(reply, JOB_NEEDED).get("id")
    if isinstance(name, bool) or not isinstance(name, (str, int)) or not 0 < len(str(name)) <= SHOWN_CHARACTERS:
        raise transport.nonsense(f"the id {str(name)[:SHOWN_CHARACTERS]!r}", JOB_NEEDED)
    return str(name).encode("utf-8", "replace").decode()


def _await(transport: Transport, job: str) -> None:
    """Return once the job is done."""
    while True:
        state = transport.json(transport.call("GET", job), STATE_NEEDED)
        said = state.get("message")
        message = one_line(said, SHOWN_CHARACTERS) if isinstance(said, str) else ""
        match state.get("state"):
            case "done":
                return
            case "failed":
                raise GenerationError(
                    f"The server at {transport.server.geturl()} failed to make '{transport.name}': "
                    f"{repr(message) if message else 'it does not say why'}.",
                    "A job that ends with a result is needed.",
                    "Read the server's log.",
                )
            case "waiting" | "working" as word:
                transport.work.report(_share(state.get("progress")), message or word)
            case other:
                raise transport.nonsense(f"the state {str(other)[:SHOWN_CHARACTERS]!r}", STATE_NEEDED)
        transport.wait(transport.limits.poll_s)


def _share(progress: Any) -> float | None:
    """The share that is done; None if it is no number."""
    if isinstance(progress, bool) or not isinstance(progress, (int, float)) or not math.isfinite(progress):
        return None
    return min(max(float(progress), 0.0), 1.0)


def _store(transport: Transport, content: bytes, folder: Path) -> None:
    """Write the result as in a job folder."""
    kind = _kind(content)
    if kind is None:
        raise transport.nonsense(f"a result that is no asset ({len(content)} bytes)", RESULT_NEEDED)
    if kind != "zip":
        (folder / f"result.{kind}").write_bytes(content)
        return
    try:
        unpack(content, folder, transport.limits.most_bytes)
    except ArchiveError as error:
        raise transport.nonsense(f"an archive that cannot be unpacked ({error})", RESULT_NEEDED) from error
    if not has_result(folder):
        raise transport.nonsense("an archive without a result", RESULT_NEEDED)


def _kind(content: bytes) -> str | None:
    """The kind of file, by its content."""
    for start, kind in ((b"glTF", "glb"), (b"ply", "ply"), (b"PK\x03\x04", "zip")):
        if content.startswith(start):
            return kind
    beginning = content[: 1 << 16].lstrip()
    if beginning.startswith(b"{"):
        return "gltf"
    is_obj = any(line.startswith((b"v ", b"o ", b"mtllib ")) for line in beginning.splitlines())
    return "obj" if is_obj else None
