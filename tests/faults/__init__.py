"""Attacks: what a hostile environment, hostile parts and hostile values do, and what has to hold all the same.

Each module here has functions that are marked by ``attack``.  Their short form runs in the tests, in seconds; the long one by hand:
``python -m tests.faults [MODULE ...] [--long] [--seed N]``.
"""
