"""The report of a run: what happened to every object, in numbers, words and pictures."""
