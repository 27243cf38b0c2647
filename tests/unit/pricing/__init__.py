"""Tests of ``pricing``."""
