"""Break the totals of a trace down by the values of dimensions, such as its user."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from otel_session_agg._model.by_dimension import ByDimension
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._trace.trace import Trace
from otel_session_agg.attributes import USER_ID

_NO_LABELS = SessionTotals()


def with_dimensions(
    trace: Trace, session_id: str | None, rollup: Rollup, names: Iterable[str]
) -> Rollup:
    """Return the totals of a trace in a session, with a row for its value of each dimension.

    The user is the one that its spans state first.
    """
    row = rollup.by_model.total
    if not any(row):
        return rollup
    is_own = session_id is None or session_id == trace.session_id
    values = trace.dimensions_of(session_id or trace.session_id, is_own=is_own)
    labels = trace.attribution.labelled().get(session_id, _NO_LABELS)
    found: dict[str, object] = {}
    for name in names:
        label = labels.metadata.get(name)
        found[name] = values.get(name, label.value if label is not None else None)
        if name == USER_ID and labels.user_id is not None:
            found[name] = labels.user_id
    return replace(rollup, details=replace(rollup.details, by_dimension=ByDimension.of(row, found)))
