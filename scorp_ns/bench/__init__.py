"""The missing-viewpoint protocol run on a capture: train, measure, and report."""
