"""Count spans while they come: they are safe on disk, traces are counted again as they grow.

What comes is kept on disk first, then counted by the engine that replays, then written to a
history, which views read meanwhile.
"""
