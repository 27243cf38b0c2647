"""Tests of ``stores``."""
