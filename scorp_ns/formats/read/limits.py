"""Limits on the files of assets: beyond them they are refused, before memory is allocated."""

from __future__ import annotations

MOST_FILE_BYTES = 512 << 20
"""Of one file, the asset itself or one that it refers to."""

MOST_TOTAL_BYTES = 1 << 30
"""Of an asset with all files it refers to."""

MOST_JSON_ITEMS = 4_000_000
"""Of the description in a glTF file, counted by its commas and brackets; Python needs some 100 bytes for each."""

MOST_VERTICES = 16_000_000
"""Of an asset; instances of a mesh count each."""

MOST_TRIANGLES = 8_000_000
"""Of an asset, counted in the same way."""

MOST_GAUSSIANS = 4_000_000
"""Of an asset made of Gaussians: with 62 numbers each they fill a gigabyte."""

MOST_NODES = 20_000
"""Of a scene graph."""

MOST_IMAGE_PIXELS = 16384 * 8192
"""Of one picture."""

MOST_TOTAL_PIXELS = 2 * MOST_IMAGE_PIXELS
"""Of all pictures of an asset."""

KEPT_IMAGE_SIDE = 2048
"""Pictures are kept no longer or wider: colours at the corners of triangles hold less than that."""

KEPT_TRIANGLES = 300_000
"""Of a finer surface, neighbouring points are merged until so many triangles are left."""

TEXTURED_EDGE = 1 / 200
"""The length, in diagonals of the asset, of edges that are short enough to hold any texture."""

LARGEST_COORDINATE = 1e15
"""Beyond, and below its inverse, squares and cubes of lengths leave the range of float32."""

MOST_UNUSABLE = 0.1
"""The largest share of vertices without finite coordinates, or of Gaussians without finite numbers, that is passed
over."""

MOST_TEXT_BYTES = 256 << 20
"""Of files of text, which take several times as much to read."""

MOST_POLYGONS = 1_000_000
"""Of PLY files where not all faces are triangles: those are read one by one."""
