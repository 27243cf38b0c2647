"""Totals of traces -> sessions: roots that leave, parts in other processes, records.  No clock, thread or lock."""
