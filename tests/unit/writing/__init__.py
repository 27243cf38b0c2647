"""Tests of ``writing``."""
