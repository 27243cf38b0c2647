"""Stored traces."""
