"""The report of a bench."""
