"""A capture's files: transforms.json, images, intrinsics, poses and splits, checked and read."""
