"""Why totals are what they are."""
