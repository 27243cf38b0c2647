"""Fold the readings of ended spans into the totals of one trace.  No SDK, clock, thread or lock."""
