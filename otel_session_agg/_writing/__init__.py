"""Totals -> attributes and spans."""
