"""Tests of ``conventions``."""
