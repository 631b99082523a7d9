"""Text in the viewer's markdown."""

from __future__ import annotations


def plain(text: str) -> str:
    """Text that markdown shows as it is."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>()#+-!|~$&" else letter for letter in text)
