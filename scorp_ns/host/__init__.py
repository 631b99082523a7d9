"""The adapters to nerfstudio: patches, checkpoints, optimizers and ray outputs."""
