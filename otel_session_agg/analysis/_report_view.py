"""What a report shows, as values for its template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from otel_session_agg._untrusted.formatting import short
from otel_session_agg.analysis._cards import Card, cards_of, warning_of
from otel_session_agg.analysis._charts import points_of
from otel_session_agg.analysis._numbers import many
from otel_session_agg.analysis._outliers import MIN_SAMPLE, THRESHOLD, find_outliers, not_judged
from otel_session_agg.analysis._panels import Panel, panels_of
from otel_session_agg.analysis._session_rows import (
    Column,
    Listed,
    Parts,
    columns_of,
    listed_sessions,
    parts_of,
)
from otel_session_agg.analysis._source import (
    Only,
    Source,
    Stored,
    default_segment,
    selected,
    selection_of,
    words_of,
)
from otel_session_agg.analysis._totals import Totals, period_for, totals_by_period, totals_of
from otel_session_agg.analysis._trees import tree_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["ReportView", "view_of"]

MAX_LISTED = 1000
"""Sessions in the table, the dearest; outliers come on top."""

MAX_OUTLIERS = 50
"""More would not be read."""


class ShownOutlier(NamedTuple):
    """An outlier, as it is shown."""

    session: str
    reason: str
    chip: str
    parts: Parts
    tree: str | None
    """The spans of the session, as HTML; ``None``: they are not there, or too many to be read."""
    tree_note: str
    """Where its sum is not the cost of the session."""


class ReportView(NamedTuple):
    """What the page shows."""

    title: str
    selection: str = ""
    """Which sessions it is about, in words; none: all."""
    range: str = ""
    cards: Sequence[Card] = ()
    warning: tuple[str, str] | None = None
    panels: Sequence[Panel] = ()
    outliers: Sequence[ShownOutlier] = ()
    outlier_note: str = ""
    columns: Sequence[Column] = ()
    rows: Sequence[Listed] = ()
    listed_note: str = ""
    parts: Sequence[tuple[str, Parts]] = ()
    """By session, of each that is listed."""


def view_of(stored: Stored, segment: str | None, title: str, **only: Unpack[Only]) -> ReportView:
    """Return what a report on these sessions shows; they may be none."""
    selection = "; ".join(short(one, 200) for one in words_of(selection_of(stored, **only)))
    sessions = selected(stored, **only)
    totals = totals_of(sessions)
    if not totals.sessions:
        return ReportView(title, selection)
    segment = segment or default_segment(sessions)
    outliers = find_outliers(sessions, segment, MAX_OUTLIERS)
    reasons = {one.session: one.reason for one in outliers}
    rows = listed_sessions(sessions, segment, MAX_LISTED, reasons)
    parts = parts_of(sessions, [row.session for row in rows])
    period = period_for(sessions)
    periods = totals_by_period(sessions, period)
    points = points_of(sessions, outliers)
    return ReportView(
        title=title,
        selection=selection,
        range=_range(totals),
        cards=cards_of(totals, periods, period),
        warning=warning_of(sessions, totals),
        panels=panels_of(sessions, segment, points, periods, period),
        outliers=[
            ShownOutlier(
                short(one.session, 120),
                one.reason,
                f"{one.findings[0].times} {one.findings[0].metric.name}",
                parts[one.session],
                *tree_of(stored, one.session),
            )
            for one in outliers
        ],
        outlier_note=_outlier_note(sessions, segment, len(outliers)),
        columns=columns_of(segment),
        rows=rows,
        listed_note=_listed_note(len(rows), totals.sessions),
        parts=list(parts.items()),
    )


def _range(totals: Totals) -> str:
    if totals.start is None or totals.end is None:
        return ""
    first, last = f"{totals.start:%d %b %Y}", f"{totals.end:%d %b %Y}"
    return first if first == last else f"{first} to {last}"


def _outlier_note(sessions: Source, segment: str | None, number: int) -> str:
    within = f"each {short(segment, 40)}" if segment else "all sessions"
    few = not_judged(sessions, segment)
    notes = [
        f"more than {THRESHOLD} deviations above the median of {within} (MAD of the logarithm)",
        f"the {number} furthest above" if number == MAX_OUTLIERS else "",
        f"{many(few, 'session')} in segments below {MIN_SAMPLE} not judged" if few else "",
    ]
    return "; ".join(filter(None, notes))


def _listed_note(listed: int, total: int) -> str:
    if listed == total:
        return many(total, "session")
    return f"{listed:,} of {total:,}: the dearest and the outliers; all figures above are of all"
