"""What leaves the program: surfaces along rays, for nerfstudio's mesh and point cloud exporters."""
