"""What applications call: ``session()``, budgets, feedback, and what a session has used so far."""
