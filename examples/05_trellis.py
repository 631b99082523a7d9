"""TRELLIS as a program for `command`: up to four crops in, Gaussians out.

    ns-train scorp --data CAPTURE --pipeline.model.generator.name command \
        --pipeline.model.generator.command.result ply \
        --pipeline.model.generator.command.template "conda run -n trellis python examples/05_trellis.py {job} {result}"

It runs in TRELLIS's own environment (https://github.com/microsoft/TRELLIS, 16 GB of GPU memory), started in its
folder or with that in PYTHONPATH. This project's tests cannot run it: it was written after TRELLIS's documentation.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from PIL import Image

os.environ.setdefault("SPCONV_ALGO", "native")


def main(job: Path, result: Path) -> None:
    from trellis.pipelines import TrellisImageTo3DPipeline

    asked = json.loads((job / "job.json").read_text(encoding="utf-8"))
    views = json.loads((job / "views" / "cameras.json").read_text(encoding="utf-8"))["views"]
    # Their alpha is the object's mask, which TRELLIS takes in place of looking for the background itself.
    crops = [Image.open(job / "views" / view["file"]) for view in views]
    pipeline = TrellisImageTo3DPipeline.from_pretrained("microsoft/TRELLIS-image-large")
    pipeline.cuda()
    outputs = pipeline.run_multi_image(
        crops,
        seed=asked["seed"],
        formats=["gaussian"],
        sparse_structure_sampler_params={"steps": 12, "cfg_strength": 7.5},
        slat_sampler_params={"steps": 12, "cfg_strength": 3},
    )
    # Left to itself it turns the axes when it writes; inside, up is z.
    outputs["gaussian"][0].save_ply(str(result), transform=None)
    said = {
        "file": result.name,
        "model": "TRELLIS-image-large",
        "license": "MIT",
        "up": [0, 0, 1],
        "seed": asked["seed"],
    }
    (job / "result.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
