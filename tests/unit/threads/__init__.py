"""Tests of ``threads``."""
