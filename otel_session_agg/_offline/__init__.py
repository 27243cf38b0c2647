"""Stored traces: count them again, price them again, explain them."""
