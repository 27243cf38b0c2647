"""Figures and frames of sessions, for notebooks, and a report on them as one page.

Each function takes the sessions that ``replay`` returns, or a history, and returns a figure of
Plotly about those that are selected: by ``Sessions.where`` and the like, or by arguments::

    analysis.cost_by(sessions, "user", where="cost > 0.10 and plan = 'pro'", since=monday)

``where`` is a condition in SQL over the columns of sessions, dimensions and metadata, or several,
which are all to be met; ``since`` and ``until`` are times between which sessions began.
What is added up is added up by the database, so a million sessions are no more work than a
thousand.  Costs are in USD, by the start of the session, in UTC; an unknown cost is in no sum.  The
functions of `frames` have the same names and return the rows behind a figure.
"""

from __future__ import annotations

from otel_session_agg.analysis import frames
from otel_session_agg.analysis._charts import (
    calendar,
    cost_by,
    cost_over_time,
    distribution,
    duration_over_time,
    outliers,
)
from otel_session_agg.analysis._report import report

__all__ = [
    "calendar",
    "cost_by",
    "cost_over_time",
    "distribution",
    "duration_over_time",
    "frames",
    "outliers",
    "report",
]
