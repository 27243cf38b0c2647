"""The tables of single spans: calls, and the spans themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from operator import attrgetter
from typing import Any, NamedTuple

from otel_session_agg._history.columns import (
    PERIODS,
    Column,
    ColumnType,
    Table,
    hex_id,
    token_columns,
)
from otel_session_agg._model.dimensions import DimensionValue
from otel_session_agg._model.replayed import ReplayedCall
from otel_session_agg._model.rollup import duration_ms
from otel_session_agg._model.span import SpanData
from otel_session_agg._sharing.stored_sessions import json_object

_TEXT, _NUMBER, _FLAG = ColumnType.TEXT, ColumnType.NUMBER, ColumnType.FLAG
_TIME, _USD, _COUNT = ColumnType.TIME, ColumnType.USD, ColumnType.COUNT
_OBJECT = ColumnType.OBJECT

# -- calls -----------------------------------------------------------------------------------------


class StoredCall(NamedTuple):
    """A call with what is known of its trace, so that no question about calls needs traces."""

    call: ReplayedCall
    user_id: str | None
    dimensions: Mapping[str, DimensionValue] | None
    """``None``: the trace is not known."""


def _cost_source(row: StoredCall) -> str | None:
    if row.call.cost_pusd is None:
        return None
    return "recorded" if row.call.is_recorded else "computed"


CALLS = Table(
    "calls",
    "what one span reports about a call, and whether it counts",
    (
        Column("trace_id", _TEXT, "trace id", lambda row: hex_id(row.call.trace_id, 32)),
        Column("span_id", _TEXT, "span id", lambda row: hex_id(row.call.span_id, 16)),
        Column("session", _TEXT, "session id", attrgetter("call.session_id")),
        Column("name", _TEXT, "name of the span", attrgetter("call.name")),
        Column("start_time", _TIME, "start", lambda row: row.call.start_ns // 1000),
        Column("end_time", _TIME, "end", lambda row: row.call.end_ns // 1000),
        Column(
            "duration",
            _NUMBER,
            "milliseconds",
            lambda row: duration_ms(row.call.start_ns, row.call.end_ns),
        ),
        Column("model", _TEXT, "model", attrgetter("call.model")),
        Column("provider", _TEXT, "provider", attrgetter("call.provider")),
        Column("agent", _TEXT, "the agent that made it", attrgetter("call.agent")),
        Column("tool", _TEXT, "the tool that made it", attrgetter("call.tool")),
        *token_columns("call.usage"),
        Column(
            "cost", _USD, "USD; unknown when it is unpriced or does not count",
            attrgetter("call.cost_pusd"),
        ),
        Column("cost_source", _TEXT, "computed or recorded", _cost_source),
        Column(
            "unpriced", _FLAG, "whether it cost something, but it is not known how much",
            attrgetter("call.is_unpriced"),
        ),
        Column("failed", _FLAG, "whether it failed", attrgetter("call.failed")),
        Column("counts", _FLAG, "whether it is in the totals", attrgetter("call.counts")),
        Column(
            "lost_to",
            _TEXT,
            "the span that counts instead",
            lambda row: hex_id(row.call.lost_to, 16),
        ),
        Column("rule", _TEXT, "the rule by which it does not count", attrgetter("call.rule")),
        *PERIODS,
        Column("user", _TEXT, "user id of its trace", attrgetter("user_id")),
        Column(
            "dimensions",
            _OBJECT,
            "those of its trace, JSON",
            lambda dimensions: None if dimensions is None else json_object(dimensions),
            shared=attrgetter("dimensions"),
        ),
    ),
)  # fmt: skip

# -- spans -----------------------------------------------------------------------------------------


FEEDBACK = "feedback"
"""The kind of feedback that `record_feedback` was given; ``spans`` of a trace do not count it."""


class StoredSpan(NamedTuple):
    """A span with what was found out about it."""

    span: SpanData
    resource: Mapping[str, Any]
    """Attributes of its resource."""
    session_id: str
    kind: str


def _encodable(value: Any) -> Any:
    """Return an attribute that cannot be in JSON as one that can; ``None``: it cannot at all."""
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    try:
        _JSON.encode(value)
    except (ValueError, RecursionError):
        return None
    return value


def _object(values: Mapping[str, Any]) -> str:
    try:
        return _JSON.encode(values if type(values) is dict else dict(values))
    except (ValueError, RecursionError):  # not a number, infinite, or nested too deeply
        return _JSON.encode({name: _encodable(value) for name, value in values.items()})


def _events(row: StoredSpan) -> str | None:
    events = [
        f"[{_JSON.encode([event.name, event.time_ns])}, {_object(event.attributes)}]"
        for event in row.span.events
    ]
    return f"[{', '.join(events)}]" if events else None


def _shown(value: object) -> str:
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)


_JSON = json.JSONEncoder(allow_nan=False, default=_shown, ensure_ascii=False, check_circular=False)

SPANS = Table(
    "spans",
    "a span as it was read; only in files that are kept",
    (
        Column("trace_id", _TEXT, "trace id", lambda row: hex_id(row.span.trace_id, 32)),
        Column("span_id", _TEXT, "span id", lambda row: hex_id(row.span.span_id, 16)),
        Column("parent_id", _TEXT, "of its parent", lambda row: hex_id(row.span.parent_id, 16)),
        Column(
            "remote_parent_id",
            _TEXT,
            "of a parent that looks remote",
            lambda row: hex_id(row.span.carried_parent_id, 16),
        ),
        Column("is_part", _FLAG, "whether a remote parent is known", attrgetter("span.is_part")),
        Column("session", _TEXT, "session id", attrgetter("session_id")),
        Column("name", _TEXT, "name", attrgetter("span.name")),
        Column("kind", _TEXT, "model, tool, agent, feedback ...", attrgetter("kind")),
        Column("span_kind", _TEXT, "CLIENT, SERVER ...", attrgetter("span.span_kind")),
        Column("scope", _TEXT, "name of its scope", attrgetter("span.scope_name")),
        Column("scope_version", _TEXT, "version of its scope", attrgetter("span.scope_version")),
        Column("start_time", _TIME, "start", lambda row: row.span.start_ns // 1000),
        Column("end_time", _TIME, "end", lambda row: row.span.end_ns // 1000),
        Column("start_ns", _COUNT, "start, Unix nanoseconds", attrgetter("span.start_ns")),
        Column("end_ns", _COUNT, "end, Unix nanoseconds", attrgetter("span.end_ns")),
        Column(
            "duration",
            _NUMBER,
            "milliseconds",
            lambda row: duration_ms(row.span.start_ns, row.span.end_ns),
        ),
        Column("failed", _FLAG, "whether it failed", attrgetter("span.failed")),
        Column("status", _TEXT, "description of its status", attrgetter("span.status_description")),
        Column("attributes", _OBJECT, "attributes, JSON", lambda row: _object(row.span.attributes)),
        Column(
            "dropped_attributes",
            _COUNT,
            "attributes that were dropped",
            attrgetter("span.dropped_attributes"),
        ),
        Column("events", _OBJECT, "[[name, nanoseconds], attributes] for each, JSON", _events),
        Column(
            "resource",
            _OBJECT,
            "attributes of its resource, JSON",
            _object,
            shared=attrgetter("resource"),
        ),
        *PERIODS,
    ),
)
