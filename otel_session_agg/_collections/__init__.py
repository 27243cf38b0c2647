"""Data structures."""
