"""The weights of learned metrics. Nothing downloads them; without them a metric is left out."""

from __future__ import annotations

import os
from pathlib import Path

from scorp_ns.cli.findings import Answer, ok, warning

CLIP_MODELS = "models--openai--clip-vit-*"
MUSIQ_FILES = "musiq_koniq_ckpt-*.pth"


def lpips() -> Answer:
    """The weights that LPIPS builds on."""
    from scorp_ns.evaluate.metrics import lpips_weights_path

    fetch = "python -c \"import torchvision; torchvision.models.alexnet(weights='DEFAULT')\""
    path = lpips_weights_path()
    return ok(str(path)) if path.is_file() else _left_out("LPIPS", str(path), fetch)


def clip() -> Answer:
    """A CLIP model in Hugging Face's cache."""
    folder = _hugging_face_cache()
    found = sorted(path for path in folder.glob(CLIP_MODELS) if any(path.glob("snapshots/*/*")))
    fetch = "python -c \"from transformers import CLIPModel as C; C.from_pretrained('openai/clip-vit-base-patch16')\""
    return ok(str(found[0])) if found else _left_out("CLIP-S", str(folder / CLIP_MODELS), fetch)


def musiq() -> Answer:
    """MUSIQ's weights where the package pyiqa keeps them."""
    import torch

    hub = Path(torch.hub.get_dir())
    found = sorted(path for folder in ("pyiqa", "checkpoints") for path in (hub / folder).glob(MUSIQ_FILES))
    fetch = "pip install pyiqa, then python -c \"import pyiqa; pyiqa.create_metric('musiq')\""
    return ok(str(found[0])) if found else _left_out("MUSIQ", str(hub / "pyiqa" / MUSIQ_FILES), fetch)


def _hugging_face_cache() -> Path:
    """Where Hugging Face's libraries keep models, by their own rules."""
    chosen = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("HF_HOME", f"{cache}/huggingface")).expanduser() / "hub"


def _left_out(metric: str, where: str, fetch: str) -> Answer:
    return warning(f"not at {where}, so {metric} is left out", f"If you want it, fetch it once: {fetch}")
