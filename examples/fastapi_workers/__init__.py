"""A chat service with several workers; see ``app.py``."""
