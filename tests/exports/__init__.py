"""Exports of backends, made by the backends themselves where they can be run."""
