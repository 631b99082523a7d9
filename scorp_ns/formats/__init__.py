"""Every file format, each in one place."""
