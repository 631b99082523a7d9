"""Hunyuan3D-2 as a program for `command`: the best crop in, a mesh with texture out.

    ns-train scorp --data CAPTURE --pipeline.model.generator.name command \
        --pipeline.model.generator.command.template \
        "conda run -n hunyuan python examples/07_hunyuan3d.py {job} {result}"

It runs in Hunyuan3D-2's own environment (https://github.com/Tencent-Hunyuan/Hunyuan3D-2); where its `api_server.py`
runs already, the generator `http` with `--pipeline.model.generator.http.dialect hunyuan3d` needs no program. This
project's tests cannot run it: it was written after its documentation. Its licence excludes the European Union, the
United Kingdom and South Korea.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PIL import Image


def main(job: Path, result: Path) -> None:
    import torch
    from hy3dgen.shapegen import Hunyuan3DDiTFlowMatchingPipeline
    from hy3dgen.texgen import Hunyuan3DPaintPipeline

    asked = json.loads((job / "job.json").read_text(encoding="utf-8"))
    crop = Image.open(job / "views" / "00.png")
    shape = Hunyuan3DDiTFlowMatchingPipeline.from_pretrained("tencent/Hunyuan3D-2")
    mesh = shape(image=crop, generator=torch.manual_seed(asked["seed"]))[0]
    mesh = Hunyuan3DPaintPipeline.from_pretrained("tencent/Hunyuan3D-2")(mesh, image=crop)
    mesh.export(str(result))
    said = {"file": result.name, "model": "Hunyuan3D-2", "license": "Tencent Hunyuan 3D 2.0 Community", "up": [0, 1, 0]}
    (job / "result.json").write_text(json.dumps(said | {"seed": asked["seed"]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
