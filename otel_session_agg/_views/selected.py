"""The sessions that a view is about, as the tables that the questions of `analysis` are asked to.

A condition is met once for each session; a time is met by rows of the breakdown themselves, which
state when their session began, so that no table is joined for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from otel_session_agg._history.columns import naive
from otel_session_agg._history.sources import Selection
from otel_session_agg._views.reads import Reads
from otel_session_agg.analysis._source import Rows

__all__ = ["Selected", "selected"]

_SESSIONS = "WITH sessions AS (SELECT * FROM {found})"
_BREAKDOWN = ", breakdown AS (SELECT * FROM main.breakdown WHERE {conditions})"
_AMONG = "session IN (SELECT session FROM {found})"


class Selected(NamedTuple):
    """Some of the sessions: queries see these only."""

    history: Reads
    head: str
    """What is before a query that begins with ``SELECT``."""
    parameters: tuple[object, ...]
    head_without_breakdown: str
    num_without_breakdown: int
    """Of the parameters, those of this head."""

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> Rows:
        """Return the rows that a query selects, which may begin with ``WITH``."""
        query = sql.strip()
        head, given = self.head, self.parameters
        if "breakdown" not in query:
            head, given = self.head_without_breakdown, given[: self.num_without_breakdown]
        if head and query.upper().startswith("WITH "):
            query = f", {query[len('WITH ') :]}"
        return self.history.rows(f"{head} {query}", [*given, *parameters])


def selected(history: Reads, selection: Selection) -> Selected:
    """Return the sessions that are selected.

    Raises:
        SessionAggError: the condition is not understood.

    """
    times = (("start_time >= ?", selection.since), ("start_time < ?", selection.until))
    given = {text: naive(time) for text, time in times if time is not None}
    if not selection.conditions and not given:
        return Selected(history, "", (), "", 0)
    found = history.filtered(selection)
    sessions = _SESSIONS.format(found=found.sql)
    conditions, parameters = list(given), [*found.parameters, *given.values()]
    if selection.conditions:
        conditions.append(_AMONG.format(found=found.sql))
        parameters += found.parameters
    return Selected(
        history,
        sessions + _BREAKDOWN.format(conditions=" AND ".join(conditions)),
        tuple(parameters),
        sessions,
        len(found.parameters),
    )
