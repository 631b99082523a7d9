"""scorp: complete objects in Gaussian scenes, as a nerfstudio method. Importing this loads nothing heavy."""

__version__ = "0.1.0"
