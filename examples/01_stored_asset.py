"""The smallest generator: finds a file named after the object in a folder, and copies it into the job.

    ns-train scorp --data CAPTURE --pipeline.model.generator.name command \
        --pipeline.model.generator.command.template "python examples/01_stored_asset.py ASSETS {job}"
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

FORMATS = (".glb", ".gltf", ".obj", ".ply")


def main(assets: Path, job: Path) -> None:
    name = json.loads((job / "job.json").read_text(encoding="utf-8"))["name"]
    # Names may hold anything, so they are compared with those of files, and never made into paths.
    found = sorted(path for path in assets.iterdir() if path.stem == name and path.suffix.lower() in FORMATS)
    if not found:
        sys.exit(f"There is no file '{name}' with the ending {', '.join(FORMATS)} in {assets}.")
    shutil.copyfile(found[0], job / f"result{found[0].suffix.lower()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
