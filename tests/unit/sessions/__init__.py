"""Tests of ``sessions``."""
