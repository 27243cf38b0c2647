"""Processes that fork, stop, are killed, and share a store."""
