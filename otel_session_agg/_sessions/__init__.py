"""Totals of traces -> sessions: releases, parts in other processes, records.  No clock or lock."""
