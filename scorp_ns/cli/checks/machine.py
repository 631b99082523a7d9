"""The machine itself."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from scorp_ns.cli.findings import Answer, ok, warning
from scorp_ns.messages import counted

GIB = 2**30
NEEDED_MEMORY = 2 * GIB
"""Bytes that a run on the demo capture takes."""
NEEDED_DISK = 1 * GIB
"""Bytes that a run's checkpoints, logs and exports take, with some room."""


def cores_and_memory() -> Answer:
    """Cores this process may use, and whether the memory is enough for the demo."""
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = psutil.virtual_memory()
    found = f"{counted(cores, 'core')}, {memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free"
    if memory.available < NEEDED_MEMORY:
        return warning(found, f"The demo takes some {NEEDED_MEMORY // GIB} GiB: close other programs.")
    return ok(found)


def output_folder(folder: Path) -> Answer:
    """Whether runs can be written there, and the space that is left."""
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    found = f"{free / GIB:.1f} GiB free in {folder.absolute()}"
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        return warning(f"{found}, and {existing} cannot be written to", "Choose another with --output-dir.")
    if free < NEEDED_DISK:
        return warning(found, "Make room, or choose another with --output-dir.")
    return ok(found)


def ffmpeg() -> Answer:
    """The program that ns-render writes videos with: the system's, or the one that comes with imageio-ffmpeg."""
    import imageio_ffmpeg

    packaged, on_path = Path(imageio_ffmpeg.get_ffmpeg_exe()), shutil.which("ffmpeg")
    # The plugin puts a link to the packaged one on the PATH, so what is on the PATH need not be the system's.
    if on_path and Path(on_path).resolve() != packaged.resolve():
        return ok(on_path)
    return ok(f"the packaged one, {packaged}")


def display() -> Answer:
    """That none is needed."""
    there = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return ok(f"{there or 'none'}; none is needed, as the viewer is a web page")
