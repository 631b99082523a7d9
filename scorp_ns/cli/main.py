"""The console script `scorp`. It and the commands' arguments load nothing heavy; the commands do when they run."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from typing import Any

from scorp_ns.cli.bench import Bench
from scorp_ns.cli.doctor import Doctor
from scorp_ns.cli.export import Export, Extract
from scorp_ns.cli.remove import Remove
from scorp_ns.errors import ScorpError

COMMANDS: dict[str, Callable[..., Any]] = {
    "bench": Bench,
    "doctor": Doctor,
    "export": Export,
    "extract": Extract,
    "remove": Remove,
}
"""Each a dataclass: its docstring and fields are the help, and its `main()` gives the exit code."""

FAILED, INTERRUPTED = 1, 130

FOREIGN_WARNING = "`torch.jit.script` is "
"""Beginning of the warning that nerfstudio causes when it is loaded, and that users cannot mend."""


def main() -> None:
    """The process ends with the exit code of the command that its arguments name."""
    warnings.filterwarnings("ignore", re.escape(FOREIGN_WARNING), FutureWarning)
    sys.exit(exit_code(_run))


def exit_code(command: Callable[[], int]) -> int:
    """The exit code of a command; our errors are shown as messages, and Ctrl-C is no error."""
    try:
        return command()
    except ScorpError as error:
        _show(f"\n{error.found}\n{error.needed}\n{error.do}", "bold red")
        return FAILED
    except KeyboardInterrupt:
        _show("\nInterrupted.", "yellow")
        return INTERRUPTED


def _run() -> int:
    import tyro

    tyro.extras.set_accent_color("bright_yellow")
    description = "Tools around the nerfstudio methods scorp and scorp-quick."
    return tyro.extras.subcommand_cli_from_dict(COMMANDS, prog="scorp", description=description).main()


def _show(message: str, style: str) -> None:
    from rich.console import Console

    Console(stderr=True).print(message, style=style, markup=False, highlight=False)
