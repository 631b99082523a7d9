"""Results of finished runs as files for other programs: objects, scenes, and scenes without objects."""
