"""Tests of ``spans``."""
