"""What nerfstudio needs to be told: patches, checkpoints, optimizers and ray outputs."""
