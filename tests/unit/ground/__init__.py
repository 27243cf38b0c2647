"""Tests of ``ground``."""
