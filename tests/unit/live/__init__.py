"""Counting while spans come."""
