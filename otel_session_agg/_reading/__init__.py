"""A span becomes a ``Reading``, by the tables of ``conventions``."""
