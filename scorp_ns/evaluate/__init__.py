"""How good a result is: metrics, protocols and reports."""
