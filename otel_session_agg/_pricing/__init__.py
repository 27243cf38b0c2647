"""Price calls: whole picodollars, or unknown."""
