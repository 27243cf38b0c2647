"""A span -> what it says, by the tables of ``conventions``."""
