"""What holds for all spans, in whatever order they come."""
