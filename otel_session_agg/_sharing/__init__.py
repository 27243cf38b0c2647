"""Sessions <-> a store that several processes share."""
