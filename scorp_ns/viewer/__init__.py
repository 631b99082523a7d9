"""What nerfstudio's viewer shows of objects, and lets people do to them."""
