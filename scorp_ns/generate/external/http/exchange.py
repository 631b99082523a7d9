"""One HTTP request and its reply, which can be given up at any moment and takes a bounded amount of memory."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Thread
from urllib.parse import SplitResult

CHUNK_BYTES = 1 << 16
LOOK_S = 0.1
"""Interval between calls of `watch`."""


class ExchangeError(Exception):
    """There is no whole reply; another attempt may bring one."""


class TooLargeError(Exception):
    """The reply is longer than allowed, as the next one would be."""


@dataclass(frozen=True)
class Message:
    """A request to a server."""

    method: str
    path: str
    """The target in the request line, from the root of the server."""
    headers: Mapping[str, str]
    body: bytes = b""
    most_bytes: int = 1 << 20
    """A longer reply is refused."""


@dataclass(frozen=True)
class Reply:
    """A server's response."""

    status: int
    headers: Mapping[str, str]
    """Keys are lower-case names."""
    body: bytes


def exchange(server: SplitResult, message: Message, silence_s: float, watch: Callable[[], None]) -> Reply:
    """The server's whole reply; `watch` is called again and again, and may raise an error to end the exchange.

    A server that says nothing for `silence_s`, or that breaks off, is an ExchangeError.
    """
    running = _Exchange(server, message, silence_s)
    running.start()
    try:
        while running.is_alive():
            watch()
            running.join(LOOK_S)
    finally:
        running.give_up()
    if isinstance(running.outcome, Reply):
        return running.outcome
    if isinstance(running.outcome, TooLargeError):
        raise running.outcome
    raise ExchangeError(_told(running.outcome, silence_s)) from running.outcome


class _Exchange(Thread):
    """An exchange in a thread of its own: reading from a socket cannot be interrupted, but the socket can be shut."""

    def __init__(self, server: SplitResult, message: Message, silence_s: float) -> None:
        super().__init__(daemon=True)
        kind = HTTPSConnection if server.scheme == "https" else HTTPConnection
        self._connection = kind(server.hostname or "", server.port, timeout=silence_s)
        self._message = message
        self._socket: socket.socket | None = None
        self.outcome: Reply | Exception = ExchangeError("nothing came back")

    def run(self) -> None:
        try:
            self.outcome = self._perform()
        # A host's name may be none that can be encoded.
        except (OSError, HTTPException, UnicodeError, ExchangeError, TooLargeError) as error:
            self.outcome = error
        finally:
            self._connection.close()

    def give_up(self) -> None:
        """Wake the thread, if it still waits for the server."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _perform(self) -> Reply:
        message, connection = self._message, self._connection
        connection.connect()
        self._socket = connection.sock
        headers = {**message.headers, "Connection": "close"}
        if message.body or message.method == "POST":
            headers["Content-Length"] = str(len(message.body))
        # A server may refuse a request, and say why, before it has read all of it.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(message.method, message.path, _chunks(message.body), headers)
        response = connection.getresponse()
        promised = response.length
        if promised is not None and promised > message.most_bytes:
            raise TooLargeError(f"{promised} bytes")
        body = bytearray()
        while chunk := response.read(CHUNK_BYTES):
            body += chunk
            if len(body) > message.most_bytes:
                raise TooLargeError("more and more bytes")
        if promised is not None and len(body) < promised:
            raise ExchangeError(f"it broke off after {len(body)} of {promised} bytes")
        return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, bytes(body))


def _chunks(body: bytes) -> Iterator[bytes]:
    """The body in pieces, each of which has the whole time-out to be sent."""
    for start in range(0, len(body), CHUNK_BYTES):
        yield body[start : start + CHUNK_BYTES]


def _told(error: Exception | Reply, silence_s: float) -> str:
    """The error in a few words."""
    if isinstance(error, TimeoutError):
        return f"it was silent for {silence_s:g} seconds"
    if isinstance(error, ExchangeError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}"
