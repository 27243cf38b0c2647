"""The values that travel between the rooms."""
