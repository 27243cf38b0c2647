"""Who may import whom, and how large things may be."""
