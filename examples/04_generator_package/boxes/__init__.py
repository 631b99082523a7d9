"""A generator that makes everything a box."""
