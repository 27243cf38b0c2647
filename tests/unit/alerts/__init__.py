"""Tests of ``_alerts/``."""
