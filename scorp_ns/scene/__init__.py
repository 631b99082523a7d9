"""What a run knows of its objects, typed, through densification and checkpoints."""
