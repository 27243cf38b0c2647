"""Tests of ``sharing``."""
