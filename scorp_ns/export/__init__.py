"""Objects and proxies written to folders: textured meshes, Gaussians, and their descriptions."""
