"""The kernel that fuses a view into a volume, compiled: completing an object spends its time here.

It carves the visual hull (Laurentini 1994), tightened by depths, and sums a truncated signed distance field (TSDF,
Curless and Levoy 1996).
"""

from __future__ import annotations

import inspect
import math

from scorp_ns.cameras import PIXEL_CENTER
from scorp_ns.render.cpu.jit import kernel

NEAR = 1e-3
"""Nearest depth at which a camera can see an object, in the capture's units."""


def _fuse_view(
    points, rotation, translation, intrinsics, mask_distance, depth, weight, cosine,
    is_cut, band, before, behind, slack, highest, total, weights,
):  # fmt: skip
    """Add a view: its free-space distances to the largest ones so far, `highest`, its surface distances to the TSDF.

    A point is in free space by its distance outside the mask, unless something nearer hides it, and by its distance
    before the depth shown. Depths are interpolated within one surface; across an edge the nearest one counts.
    """
    height, width = mask_distance.shape
    num_votes = highest.shape[0]
    for index in range(points.shape[0]):
        x, y, z = points[index, 0], points[index, 1], points[index, 2]
        in_x = rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z + translation[0]
        in_y = rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z + translation[1]
        in_z = rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z + translation[2]
        free = band
        if in_z > NEAR:
            column = intrinsics[0] * in_x / in_z + intrinsics[2]
            row = intrinsics[1] * in_y / in_z + intrinsics[3]
            if column >= 0 and row >= 0 and column < width and row < height:
                column, row = column - PIXEL_CENTER, row - PIXEL_CENTER
                left = min(max(math.floor(column), 0), width - 2)
                top = min(max(math.floor(row), 0), height - 2)
                across, down = min(max(column - left, 0.0), 1.0), min(max(row - top, 0.0), 1.0)
                one, two = (1 - across) * (1 - down), across * (1 - down)
                three, four = (1 - across) * down, across * down
                first, second = depth[top, left], depth[top, left + 1]
                third, fourth = depth[top + 1, left], depth[top + 1, left + 1]
                nearest = min(min(first, second), min(third, fourth))
                is_smooth = max(max(first, second), max(third, fourth)) - nearest < slack
                shown = one * first + two * second + three * third + four * fourth if is_smooth else nearest
                pixels = one * mask_distance[top, left] + two * mask_distance[top, left + 1]
                pixels += three * mask_distance[top + 1, left] + four * mask_distance[top + 1, left + 1]
                free = shown - in_z - slack
                beyond_mask = pixels * in_z / intrinsics[0] if pixels < 0 or in_z < shown + slack else -band
                free = max(free, beyond_mask)
                near_row, near_column = top + (1 if down > 0.5 else 0), left + (1 if across > 0.5 else 0)
                distance = (shown - in_z) * cosine[near_row, near_column]
                if is_smooth and distance > -behind:
                    share = weight[near_row, near_column]
                    total[index] += share * min(distance, before)
                    weights[index] += share
            elif is_cut:
                free = -band
        free = min(max(free, -band), band)
        for vote in range(num_votes):
            if free > highest[vote, index]:
                highest[vote, index], free = free, highest[vote, index]


# Where the shapes of arrays are checked while tests run, the checks wrap the function, and numba cannot look through.
fuse_view = kernel(inspect.unwrap(_fuse_view))
