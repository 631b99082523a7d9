"""Meshes, splats and simulator files written: GLB, OBJ, USD, URDF, MJCF and SPZ."""
