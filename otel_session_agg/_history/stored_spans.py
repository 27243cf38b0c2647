"""Read stored spans back, so that traces which get more spans are counted again as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from otel_session_agg._history.columns import hex_id, of_rows, quoted
from otel_session_agg._history.database import Connection, HistoryError
from otel_session_agg._history.span_tables import SPANS
from otel_session_agg._model.span import SpanData, SpanEvent
from otel_session_agg._untrusted.json_text import loaded

_ROWS = 500
"""Spans that are read at once: they may be large."""

_IS_OF_TRACES = of_rows("spans", "trace_id IN (SELECT unnest(?::VARCHAR[]))")

T = TypeVar("T")


def stored_spans(
    connection: Connection, trace_ids: Iterable[int] | None
) -> Iterator[tuple[SpanData, Mapping[str, Any]]]:
    """Return the stored spans of traces, each with the attributes of its resource.

    ``None``: those of all traces.
    """
    names = list(SPANS.by_name)
    sql = f"SELECT {', '.join(map(quoted, names))} FROM spans"
    if trace_ids is None:
        rows = connection.execute(sql)
    else:
        wanted = [hex_id(trace_id, 32) for trace_id in trace_ids]
        rows = connection.execute(f"{sql} WHERE {_IS_OF_TRACES}", [wanted])
    while some := rows.fetchmany(_ROWS):
        for row in some:
            yield _read(dict(zip(names, row, strict=True)))


def _read(row: Mapping[str, Any]) -> tuple[SpanData, Mapping[str, Any]]:
    try:
        span = SpanData(
            name=row["name"],
            trace_id=int(row["trace_id"], 16),
            span_id=int(row["span_id"], 16),
            parent_id=_id(row["parent_id"]),
            span_kind=row["span_kind"],
            scope_name=row["scope"],
            scope_version=row["scope_version"],
            start_ns=row["start_ns"],
            end_ns=row["end_ns"],
            attributes=_loaded(dict, row["attributes"]),
            events=[
                SpanEvent(name, attributes, time_ns)
                for (name, time_ns), attributes in _loaded(list, row["events"])
            ],
            failed=row["failed"],
            status_description=row["status"],
            carried_parent_id=_id(row["remote_parent_id"]),
            is_part=row["is_part"],
            dropped_attributes=row["dropped_attributes"],
        )
        return span, _loaded(dict, row["resource"])
    except (ValueError, TypeError):
        message = "the history is damaged: a span cannot be read"
        raise HistoryError(message) from None


def _id(text: str | None) -> int | None:
    return None if text is None else int(text, 16)


def _loaded(kind: type[T], text: str | None) -> T:
    """Return the value of a JSON text, which is of this type; an empty one for no text."""
    value = kind() if text is None else loaded(text)
    if not isinstance(value, kind):
        raise TypeError(kind)
    return value
