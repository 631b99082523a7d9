"""What of an object is kept as it was photographed, and what its proxy fills in."""
