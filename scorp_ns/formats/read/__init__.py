"""Meshes and splats of any origin, read within limits: GLB, glTF, OBJ and PLY."""
