"""What stored traces come to, as tables of DuckDB: kept in a file, or for one run.

::

    SessionPart, ReplayedTrace, ReplayedCall
      writing.py     -> rows of tables.py, in one transaction
      recounting.py  -> sessions, from their parts
      selecting.py   <- conditions, groups and columns of commands

Whatever a user writes runs on a connection that can neither write nor leave the file.
"""
