"""README, examples, recipes and the demo, run as a user would."""
