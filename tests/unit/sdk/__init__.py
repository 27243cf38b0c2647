"""Tests of ``sdk``."""
