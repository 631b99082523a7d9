"""Feature matchers, and the poses that their matches between photographs and renders of a proxy speak for."""
