"""What the votes of one view for all labels cost: against drawing the view, and against two gradients per object.

CPU time of one thread, best of several. `python benchmarks/label_votes.py`
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from render_speed import best, make_scene
from torch import Tensor

from scorp_ns.render import rasterization
from scorp_ns.render.label_weights import label_weights

CASES = [(10_000, 320, 240), (50_000, 320, 240)]
"""Gaussians, width, height."""

NUM_OBJECTS = (1, 4, 16)


def label_image(num_objects: int, width: int, height: int) -> Tensor:
    """Objects as discs before a background, label 0; they cover about a third of the image whatever their number."""
    generator = torch.Generator().manual_seed(1)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    radius = (width * height / (3 * torch.pi * num_objects)) ** 0.5
    labels = torch.zeros(height, width, dtype=torch.int64)
    for label in range(1, num_objects + 1):
        centre = torch.rand(2, generator=generator) * torch.tensor([width, height])
        labels[(x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2] = label
    return labels


def votes_by_masks(draw: Callable[[Tensor], Tensor], n: int, mask: Tensor) -> None:
    """One object's votes and those against it, each the gradient of an image of one channel."""
    for pixels in (mask, ~mask):
        channel = torch.ones(n, 1, requires_grad=True)
        torch.autograd.grad(draw(channel), channel, pixels[None, :, :, None].float())


def main() -> None:
    torch.set_num_threads(1)
    print("Gaussians, image     objects    votes | of one drawing's | two gradients per object take")
    for n, width, height in CASES:
        *gaussians, colors, viewmats, Ks = (tensor.detach() for tensor in make_scene(n, width, height, None))

        def draw(channels: Tensor, scene: tuple = (gaussians, viewmats, Ks, width, height)) -> Tensor:
            return rasterization(*scene[0], channels, *scene[1:], packed=False)[0]

        drawing = best(lambda draw=draw, colors=colors: draw(colors))
        for count in NUM_OBJECTS:
            labels = label_image(count, width, height)
            scene = (*gaussians, viewmats[0], Ks[0], labels, count + 1)
            ours = best(lambda scene=scene: label_weights(*scene))
            masks = [labels == label for label in range(1, count + 1)]
            theirs = best(lambda draw=draw, n=n, masks=masks: [votes_by_masks(draw, n, mask) for mask in masks])
            name = f"{n}, {width}x{height}"
            print(f"{name:20s} {count:7d} {ours:6.1f} ms | {ours / drawing:15.2f}x | {theirs / ours:6.1f}x as long")


if __name__ == "__main__":
    main()
