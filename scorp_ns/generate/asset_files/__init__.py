"""Files of complete objects, read into coloured surfaces or Gaussians."""
