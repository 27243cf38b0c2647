"""What each view of the page shows, as values, read from a history.

A view is a pure question to a history with the selection of the page; the page and the API show
the same values.
"""
