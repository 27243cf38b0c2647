"""The values that travel between the rooms, and what adds them up."""
