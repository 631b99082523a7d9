"""Surfaces of triangles: what they are, and what can be asked of them."""
