"""Tests of ``trace``."""
