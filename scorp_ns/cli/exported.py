"""What people are told of an export."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scorp_ns.delivery.result import ExportResult


def tell(result: ExportResult) -> None:
    """Show the files to open, and what is missing and why."""
    from nerfstudio.utils.rich_utils import CONSOLE

    for file in result.files:
        size = file.stat().st_size / 1e6
        CONSOLE.print(f"{size:9.2f} MB  {file}", markup=False, highlight=False, soft_wrap=True)
    for note in result.notes:
        CONSOLE.print(note, style="yellow", markup=False)
