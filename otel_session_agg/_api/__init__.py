"""What applications call: ``session()``, budgets, feedback, and the totals so far."""
