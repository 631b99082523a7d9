"""A stage that sets proxies down."""
