"""Values and text from outside: read them, refuse them, show them safely."""
