"""Calls to a server with retries, within one time limit for all of them."""

from __future__ import annotations

import json
import math
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from random import Random
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from scorp_ns.errors import GenerationError
from scorp_ns.generate.external.http.exchange import ExchangeError, Message, Reply, TooLargeError, exchange
from scorp_ns.generate.generator import Work
from scorp_ns.messages import counted, json_kind, one_line

FIRST_PAUSE_S = 0.5
"""Pause before the second attempt; each further one is twice as long, plus a random share of up to a half."""

LONGEST_PAUSE_S = 30.0

MOST_REDIRECTS = 3

REDIRECTS = (301, 302, 303, 307, 308)

MOST_BYTES_SAID = 1 << 20
"""Longest reply that is no result."""

SHOWN_CHARACTERS = 200
"""Characters of a server's words that errors show."""

GOODBYE_S = 0.5
"""Time limit for telling a server that a job is no longer needed."""


@dataclass(frozen=True)
class Limits:
    """Limits of time, attempts and size for the calls to a server."""

    time_limit_s: float
    request_timeout_s: float
    retries: int
    poll_s: float
    most_bytes: int


@dataclass
class Transport:
    """The calls that one object's proxy takes."""

    server: SplitResult
    limits: Limits
    token: str | None
    name: str
    """The object's."""
    work: Work
    random: Random
    deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.limits.time_limit_s

    @property
    def remaining_s(self) -> float:
        """The rest of the time limit."""
        return max(0.0, self.deadline - time.monotonic())

    def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        kind: str | None = None,
        key: str | None = None,
        silence_s: float | None = None,
        most_bytes: int = MOST_BYTES_SAID,
    ) -> Reply:
        """The server's successful reply; a GenerationError if there is none.

        A `key` marks repetitions of a message, so that a server can tell them from new ones. `silence_s` takes the
        place of the usual limit.
        """
        message = Message(method, self.server.path + path, self._headers(kind, key), body, most_bytes)
        attempt = 0
        while True:
            retry_after_s = None
            try:
                reply = self._follow(message, silence_s or self.limits.request_timeout_s)
                if not (reply.status >= 500 or reply.status == HTTPStatus.TOO_MANY_REQUESTS):
                    return self._successful(message, reply)
                failure = _told(reply)
                retry_after_s = _retry_after(reply)
            except ExchangeError as error:
                failure = str(error)
            if attempt == self.limits.retries:
                raise self._no_answer(message, failure, attempt + 1)
            self._pause(attempt, retry_after_s, failure)
            attempt += 1

    def json(self, reply: Reply, needed: str) -> dict[str, Any]:
        """The object that a reply holds."""
        try:
            content = json.loads(reply.body)
        except (ValueError, RecursionError):
            raise self.nonsense(f"no JSON: {_shown(reply.body)}", needed) from None
        if not isinstance(content, dict):
            raise self.nonsense(f"JSON with {json_kind(content)}", needed)
        return content

    def nonsense(self, what: str, needed: str) -> GenerationError:
        """The error for a reply that cannot be understood."""
        return GenerationError(
            f"The server at {self.server.geturl()} answered for '{self.name}' with {what}.",
            needed,
            "Check --pipeline.model.generator.http.url and .dialect, and read the server's log.",
        )

    def wait(self, seconds: float) -> None:
        """Wait, but not beyond the time limit, nor when the work is cancelled."""
        self.work.cancelled.wait(min(seconds, self.remaining_s))
        self._watch()

    def say_goodbye(self, path: str) -> None:
        """Tell the server that it may stop and forget a job, if it listens."""
        end = time.monotonic() + GOODBYE_S

        def watch() -> None:
            if time.monotonic() > end:
                raise ExchangeError

        with suppress(ExchangeError, TooLargeError):
            exchange(
                self.server, Message("DELETE", self.server.path + path, self._headers(None, None)), GOODBYE_S, watch
            )

    def _headers(self, kind: str | None, key: str | None) -> dict[str, str]:
        headers = {"Accept": "*/*", "User-Agent": "scorp"}
        headers |= {} if kind is None else {"Content-Type": kind}
        headers |= {} if key is None else {"Idempotency-Key": key}
        return headers if self.token is None else {**headers, "Authorization": f"Bearer {self.token}"}

    def _watch(self) -> None:
        """Raise an error if the work is cancelled or the time is up."""
        self.work.check(self.name)
        if time.monotonic() >= self.deadline:
            raise GenerationError(
                f"The server at {self.server.geturl()} had not finished '{self.name}' "
                f"after {self.limits.time_limit_s:g} seconds.",
                "Some servers never tell that they failed.",
                "Read the server's log; if it needs longer, set --pipeline.model.generator.http.time-limit-s.",
            )

    def _follow(self, message: Message, silence_s: float) -> Reply:
        """The reply, after redirections on the same server."""
        for _ in range(MOST_REDIRECTS + 1):
            self._watch()
            try:
                reply = exchange(self.server, message, min(silence_s, self.remaining_s + 1), self._watch)
            except TooLargeError as error:
                raise GenerationError(
                    f"The server at {self.server.geturl()} answered for '{self.name}' with {error}.",
                    f"At most {message.most_bytes} bytes are taken.",
                    "Let it make smaller results, or set --pipeline.model.generator.http.max-mb.",
                ) from error
            if reply.status not in REDIRECTS:
                return reply
            message = self._redirected(message, reply)
        raise self.nonsense("one redirection after another", "A result is needed.")

    def _redirected(self, message: Message, reply: Reply) -> Message:
        """The message for the target of a redirection, which has to be on the same server."""
        here = self.server._replace(path=message.path)
        location = reply.headers.get("location", "")
        try:
            location = urljoin(here.geturl(), location)
            there = urlsplit(location)
            is_same = (there.scheme, there.hostname, there.port) == (here.scheme, here.hostname, here.port)
        except ValueError:
            there, is_same = here, False
        if not is_same or not location.isascii() or not location.isprintable() or " " in location:
            raise GenerationError(
                f"The server at {self.server.geturl()} sent us on to {location[:SHOWN_CHARACTERS]!r}.",
                "Photographs and tokens are sent to no other server than the one you named.",
                "If it is the right one, set --pipeline.model.generator.http.url to it.",
            )
        path = there._replace(scheme="", netloc="", fragment="").geturl() or "/"
        if reply.status in (307, 308) or message.method == "GET":
            return replace(message, path=path)
        return replace(message, path=path, method="GET", body=b"")

    def _successful(self, message: Message, reply: Reply) -> Reply:
        if 200 <= reply.status < 300:
            return reply
        do = "Read the server's log, and check --pipeline.model.generator.http.url and .dialect."
        if reply.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            do = "Put its token into an environment variable that --pipeline.model.generator.http.token-env names."
        raise GenerationError(
            f"The server at {self.server.geturl()} answered {message.method} {message.path} for '{self.name}' "
            f"with {_told(reply)}.",
            "An answer with a code from 200 to 299 is needed.",
            do,
        )

    def _no_answer(self, message: Message, failure: str, attempts: int) -> GenerationError:
        return GenerationError(
            f"The server at {self.server.geturl()} did not answer {message.method} {message.path} for '{self.name}' "
            f"in {counted(attempts, 'attempt')}; at last: {failure}.",
            "A server that runs and can be reached is needed.",
            "Start it, check --pipeline.model.generator.http.url, or read its log.",
        )

    def _pause(self, attempt: int, retry_after_s: float | None, failure: str) -> None:
        """Wait before the next attempt: exponential back-off with jitter, or as long as the server asks for."""
        seconds = min(FIRST_PAUSE_S * 2**attempt, LONGEST_PAUSE_S) * self.random.uniform(1.0, 1.5)
        self.work.report(None, f"trying again: {failure}"[:SHOWN_CHARACTERS])
        self.wait(seconds if retry_after_s is None else retry_after_s)


def _retry_after(reply: Reply) -> float | None:
    """The seconds that a server asks to wait in Retry-After, a number or a date."""
    text = reply.headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            then = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            return None
        then = then if then.tzinfo else then.replace(tzinfo=timezone.utc)
        seconds = (then - datetime.now(timezone.utc)).total_seconds()
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _told(reply: Reply) -> str:
    """A status code with its meaning and the server's words."""
    with suppress(ValueError):
        return f"{reply.status} ({HTTPStatus(reply.status).phrase}): {_shown(reply.body)}"
    return f"{reply.status}: {_shown(reply.body)}"


def _shown(body: bytes) -> str:
    """The beginning of a server's words, on one line."""
    words = one_line(body[: 4 * SHOWN_CHARACTERS].decode(errors="replace"), SHOWN_CHARACTERS)
    return repr(words) if words else "nothing"
