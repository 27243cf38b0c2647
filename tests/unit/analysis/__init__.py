"""Figures, frames and the report."""
