"""From labels of pixels to objects of Gaussians: votes, assignment, clean-up, frames, and views worth showing."""
