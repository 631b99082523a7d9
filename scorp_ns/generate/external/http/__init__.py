"""A server as a generator: asked for every object, over HTTP."""

from scorp_ns.generate.external.http.config import HttpConfig, HttpGenerator

__all__ = ["HttpConfig", "HttpGenerator"]
