"""The state of a run's objects, typed, through densification and checkpoints."""
