"""Threads, forks and logging of this library."""
