"""Patches of the host process when nerfstudio loads it. Nothing here may raise."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any
from unittest import mock

import torch
from nerfstudio.utils.rich_utils import CONSOLE

from scorp_ns.errors import ScorpError

MARCHING_CUBES = "generate_mesh_with_multires_marching_cubes"
"""The host's function that sends its points to a GPU, whether there is one or not."""

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


def _own_folder() -> Path:
    """A folder for the link that lasts from one command to the next, and that no other user can write to."""
    folder = Path(tempfile.gettempdir()) / f"scorp-ffmpeg-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        return Path(tempfile.mkdtemp(prefix="scorp-ffmpeg-"))
    return folder


def _put_packaged_ffmpeg_on_path() -> None:
    """`ns-render` looks for a program named ffmpeg on the PATH; the packaged binary has another name."""
    import imageio_ffmpeg

    folder = _own_folder()
    link = folder / "ffmpeg"
    binary = imageio_ffmpeg.get_ffmpeg_exe()
    if not (link.is_symlink() and os.readlink(link) == binary):
        link.unlink(missing_ok=True)
        link.symlink_to(binary)
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), str(folder)])


def let_marching_cubes_run_without_cuda() -> None:
    """Make the host's marching cubes leave tensors where they are on machines without a GPU."""
    exporter = sys.modules.get("nerfstudio.scripts.exporter")
    extract = getattr(exporter, MARCHING_CUBES, None)
    if exporter is None or extract is None or extract.__module__ == __name__ or torch.cuda.is_available():
        return

    def extract_here(*args: Any, **kwargs: Any) -> Any:
        with mock.patch.object(torch.Tensor, torch.Tensor.cuda.__name__, lambda tensor, *_, **__: tensor):
            return extract(*args, **kwargs)

    setattr(exporter, MARCHING_CUBES, extract_here)
