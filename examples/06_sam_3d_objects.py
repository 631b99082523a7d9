"""SAM 3D Objects as a program for `command`: the best photograph and its mask in, Gaussians out.

    ns-train scorp --data CAPTURE --pipeline.model.generator.name command \
        --pipeline.model.generator.command.result ply \
        --pipeline.model.generator.command.template \
        "conda run -n sam3d python examples/06_sam_3d_objects.py SAM3D {job} {result}"

SAM3D is the folder with its code and checkpoints (https://github.com/facebookresearch/sam-3d-objects, 32 GB of GPU
memory, weights on request). This project's tests cannot run it: it was written after its demo. The pose that the
model finds is relative to a depth of its own guess, so it is left out, and the object is placed by what was lifted.
Its use is bound to the SAM licence.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image


def main(sam: Path, job: Path, result: Path) -> None:
    sys.path.append(str(sam / "notebook"))
    from inference import Inference

    asked = json.loads((job / "job.json").read_text(encoding="utf-8"))
    frame = json.loads((job / "frames" / "cameras.json").read_text(encoding="utf-8"))["views"][0]
    photograph = np.asarray(Image.open(job / "frames" / frame["file"]).convert("RGB"))
    mask = np.asarray(Image.open(job / "frames" / frame["mask"])) > 0
    model = Inference(str(sam / "checkpoints" / "hf" / "pipeline.yaml"), compile=False)
    model(photograph, mask, seed=asked["seed"])["gs"].save_ply(str(result))
    said = {"file": result.name, "model": "SAM 3D Objects", "license": "SAM License", "seed": asked["seed"]}
    (job / "result.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main(*(Path(argument).resolve() for argument in sys.argv[1:4]))
