"""Benchmarks: run by hand, never by CI; each checks its answer before it measures, and none of them gates."""
