"""Where a complete proxy belongs: the search for rotation, scale and translation from partial views."""
