"""What the plugin arranges in its host process when nerfstudio loads it. Nothing here may raise."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from nerfstudio.utils.rich_utils import CONSOLE

from scorp_ns.errors import ScorpError

ExceptHook = Callable[[type[BaseException], BaseException, TracebackType | None], object]


def prepare_host() -> None:
    """Make the host show our errors as messages, and find a program to write videos with."""
    sys.excepthook = _show_our_errors_as_messages(sys.excepthook)
    if shutil.which("ffmpeg") is None:
        with contextlib.suppress(Exception):
            _put_packaged_ffmpeg_on_path()


def _show_our_errors_as_messages(original_hook: ExceptHook) -> ExceptHook:
    def hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if isinstance(error, ScorpError):
            message = f"\n{error.found}\n{error.needed}\n{error.do}"
            CONSOLE.print(message, style="bold red", markup=False, highlight=False)
        else:
            original_hook(kind, error, traceback)

    return hook


def _put_packaged_ffmpeg_on_path() -> None:
    """`ns-render` looks for a program named ffmpeg on the PATH; the packaged binary has another name."""
    import imageio_ffmpeg

    folder = Path(tempfile.mkdtemp(prefix="scorp-ffmpeg-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), str(folder)])
