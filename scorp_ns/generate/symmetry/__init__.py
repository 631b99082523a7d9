"""Complete objects without weights: by mirror planes, by revolution, and otherwise by what the views leave possible."""
