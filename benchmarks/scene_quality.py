"""How good is a scene after `ns-train scorp-quick`, and what does it cost? Held-out PSNR, time and memory per capture.

    python benchmarks/scene_quality.py CAPTURE [CAPTURE ...]

Every eighth view is held out. Time is the training loop's alone; memory is the whole process's peak.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAMELESS = ("--vis", "tensorboard", "--experiment-name", "quality", "--timestamp", "run")

TIMED_TRAINING = """
import json, sys, time
from nerfstudio.scripts.train import entrypoint
from scorp_ns.trainer import ScorpTrainer
train, report = ScorpTrainer.train, sys.argv.pop(1)
def timed(self):
    start = time.perf_counter()
    train(self)
    figures = {"seconds": time.perf_counter() - start, "gaussians": self.pipeline.model.num_points}
    open(report, "w").write(json.dumps(figures))
ScorpTrainer.train = timed
entrypoint()
"""


def measure(capture: Path, folder: Path) -> dict[str, float]:
    """Train on seven of eight views, evaluate on the others."""
    report = folder / "training.json"
    held_out = ("nerfstudio-data", "--eval-mode", "interval", "--eval-interval", "8", "--load-3D-points", "True")
    train = ["scorp-quick", "--data", capture, "--output-dir", folder, *NAMELESS, *held_out]
    _run([sys.executable, "-c", TIMED_TRAINING, report, *train])
    config = folder / "quality" / "scorp-quick" / "run" / "config.yml"
    evaluate = Path(sys.executable).with_name("ns-eval")
    _run([evaluate, "--load-config", config, "--output-path", folder / "eval.json"])
    results = json.loads((folder / "eval.json").read_text())["results"]
    return {**json.loads(report.read_text()), "psnr": results["psnr"], "ssim": results["ssim"]}


def _run(command: list[str | Path]) -> None:
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> None:
    print(f"{'capture':24} {'PSNR':>6} {'SSIM':>7} {'Gaussians':>10} {'training':>9} {'with start':>11} {'memory':>8}")
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            figures = measure(Path(name).resolve(), Path(folder))
            whole = time.perf_counter() - start
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
        print(
            f"{Path(name).name:24} {figures['psnr']:6.2f} {figures['ssim']:7.4f} {figures['gaussians']:10d} "
            f"{figures['seconds']:7.1f} s {whole:9.1f} s {memory:5.2f} GB"
        )


if __name__ == "__main__":
    main()
