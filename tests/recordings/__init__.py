"""Spans that real instrumentations wrote, and cases with known totals."""
