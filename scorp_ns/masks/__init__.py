"""Object masks in: layouts of files, what they mean, and whether they can be trusted."""
