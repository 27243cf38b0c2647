"""A call -> whole picodollars, or that nobody knows."""
