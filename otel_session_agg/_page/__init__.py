"""The page: layout, state in the address, callbacks of Dash.

The address holds the whole state of a view; figures come from the views, never from here.
"""
