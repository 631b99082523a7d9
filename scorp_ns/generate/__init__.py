"""Complete objects from partial ones: generators by name, and what makes their replies proxies."""
