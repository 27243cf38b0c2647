"""The values that travel between the rooms: immutable, without behaviour beyond merging."""
