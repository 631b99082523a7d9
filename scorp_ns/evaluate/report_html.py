"""A report as one HTML file."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scorp_ns.evaluate.report_markdown import report_markdown


def report_html(report: Mapping[str, Any], folder: Path) -> str:
    """The whole report; `folder` is where its pictures are."""
    return f'<!doctype html><meta charset="utf-8"><pre>{html.escape(report_markdown(report))}</pre>'
