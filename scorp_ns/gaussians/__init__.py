"""Sets of Gaussians: parameters, transforms, seeding and densification."""
