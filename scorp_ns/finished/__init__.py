"""Finished runs, loaded without their captures, and their exports."""
