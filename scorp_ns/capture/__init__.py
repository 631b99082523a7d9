"""What is wrong with a capture, found in seconds, before training starts and in words that say how to mend it."""
