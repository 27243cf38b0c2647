"""Tests of ``_history``."""
