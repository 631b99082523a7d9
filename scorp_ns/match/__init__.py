"""Feature matchers, and RANSAC poses from their matches between photographs and renders of a proxy."""
