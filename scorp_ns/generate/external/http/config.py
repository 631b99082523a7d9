"""The generator 'http' and its settings: a server that is asked for every object."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Literal
from urllib.parse import SplitResult, quote, urlsplit

from scorp_ns.errors import GenerationError
from scorp_ns.generate.external.http.hunyuan import HunyuanOptions, generate_hunyuan
from scorp_ns.generate.external.http.plain import generate_plain
from scorp_ns.generate.external.http.transport import Limits, Transport
from scorp_ns.generate.generator import Work
from scorp_ns.generate.request_digest import request_digest
from scorp_ns.messages import json_kind
from scorp_ns.products import ProxyAsset, ProxyRequest

OPTION = "--pipeline.model.generator.http"


@dataclass
class HttpConfig:
    """A server that is asked for every object."""

    url: str = ""
    """The server's address: `http://` or `https://`, a host, and if need be a port and a path."""
    dialect: Literal["scorp", "hunyuan3d"] = "scorp"
    """The protocol: `scorp` is the plain one of docs/generators.md, `hunyuan3d` that of its `api_server.py`."""
    time_limit_s: float = 1800.0
    """Time limit for one object, in seconds; some servers never tell that they failed."""
    request_timeout_s: float = 60.0
    """Silence of the server after which a request is repeated, in seconds."""
    retries: int = 4
    """Repetitions of a request that failed, or that the server was too busy for."""
    poll_s: float = 1.0
    """Pause between questions for the state of the work, in seconds."""
    max_mb: float = 512.0
    """Largest result that is taken, in megabytes."""
    token_env: str = ""
    """The environment variable that holds the server's token, if it wants one; it is sent as `Bearer`."""
    synchronous: bool = False
    """For `hunyuan3d`: ask with one long request to `/generate` instead of `/send` and `/status`."""
    parameters: str = ""
    """For `hunyuan3d`: settings to send along, as a JSON object: `{"octree_resolution": 256}`."""

    def __post_init__(self) -> None:
        for name in ("time_limit_s", "request_timeout_s", "poll_s", "max_mb"):
            if not getattr(self, name) > 0:
                raise ValueError(f"generator.http.{name} is {getattr(self, name)}; it must be more than 0.")
        if self.retries < 0:
            raise ValueError(f"generator.http.retries is {self.retries}; it must be 0 or more.")

    def build(self) -> HttpGenerator:
        """The generator; an error if the settings name no server, or no token where one is wanted."""
        return HttpGenerator(self, _server(self.url), _token(self.token_env), _parameters(self.parameters))


class HttpGenerator:
    """Asks a server, and reads its reply."""

    def __init__(
        self, config: HttpConfig, server: SplitResult, token: str | None, parameters: Mapping[str, Any]
    ) -> None:
        self._config, self._server, self._token = config, server, token
        self._hunyuan = HunyuanOptions(config.synchronous, parameters)
        self._limits = Limits(
            time_limit_s=config.time_limit_s,
            request_timeout_s=config.request_timeout_s,
            retries=config.retries,
            poll_s=config.poll_s,
            most_bytes=int(config.max_mb * 1e6),
        )

    def fingerprint(self, request: ProxyRequest) -> str:
        """The server, the protocol, its parameters and the request's digest; never the token."""
        asked = json.dumps(self._hunyuan.parameters, sort_keys=True) if self._config.dialect == "hunyuan3d" else ""
        return "\n".join(["http", self._config.dialect, self._server.geturl(), asked, request_digest(request)])

    def generate(self, request: ProxyRequest, work: Work) -> ProxyAsset:
        """The server's reply, or an error with the reason."""
        work.check(request.name)
        random = Random(request.seed)
        transport = Transport(self._server, self._limits, self._token, request.name, work, random)
        if self._config.dialect == "hunyuan3d":
            return generate_hunyuan(transport, request, self._hunyuan)
        return generate_plain(transport, request)


def _server(url: str) -> SplitResult:
    """The parts of the address, without a slash at the end; an error if it is none."""
    try:
        server = urlsplit(url)
        is_address = server.scheme in ("http", "https") and bool(server.hostname) and server.port != 0
    except ValueError:
        raise _no_server(f"The address {url!r} of the generator 'http' is malformed.") from None
    if not url:
        raise _no_server("The generator 'http' has no address.")
    if "@" in server.netloc:
        raise GenerationError(
            "The address of the generator 'http' holds a user or a password.",
            "Addresses are printed and stored, so secrets must not stand in them.",
            f"Put a token into an environment variable, and name it with {OPTION}.token-env.",
        )
    if not is_address or server.query or server.fragment or not url.isprintable() or " " in url:
        raise _no_server(f"The address {url!r} of the generator 'http' is none that can be used.")
    return server._replace(path=quote(server.path.rstrip("/"), safe="/%:@+,;=~"))


def _no_server(found: str) -> GenerationError:
    return GenerationError(
        found,
        "It has to begin with http:// or https:// and a host, and may have a port and a path.",
        f"For example: {OPTION}.url http://127.0.0.1:8080",
    )


def _token(variable: str) -> str | None:
    """The token in the environment variable; None if none is named."""
    if not variable:
        return None
    token = os.environ.get(variable, "").strip()
    if not token or not token.isascii() or not token.isprintable():
        raise GenerationError(
            f"The environment variable '{variable}' holds no token.",
            f"{OPTION}.token-env names the variable, not the token itself.",
            f"Set it before you start: export {variable}=...",
        )
    return token


def _parameters(text: str) -> dict[str, Any]:
    """The settings in a JSON object."""
    try:
        content = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise _no_parameters(f"is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise _no_parameters(f"is {json_kind(content)}")
    return content


def _no_parameters(what: str) -> GenerationError:
    return GenerationError(
        f"{OPTION}.parameters {what}.",
        "A JSON object is needed.",
        f"""For example: {OPTION}.parameters '{{"octree_resolution": 256}}'""",
    )
