"""The flow: thin functions, product in, product out, that never import each other."""
