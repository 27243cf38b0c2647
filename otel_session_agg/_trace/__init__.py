"""What ended spans say -> the totals of one trace.  No SDK, clock, thread or lock."""
