"""The tables of single spans: calls, and the spans themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from otel_session_agg._history.columns import (
    PERIODS,
    Column,
    ColumnType,
    Table,
    durations,
    each_once,
    hex_ids,
    microseconds,
    token_columns,
)
from otel_session_agg._history.json_texts import events_text, object_text
from otel_session_agg._model.dimensions import DimensionValue
from otel_session_agg._model.replayed import ReplayedCall
from otel_session_agg._model.span import SpanData, Usage
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


def _calls_transposed(rows: Sequence[StoredCall]) -> StoredCall:
    columns: Any = zip(*rows, strict=True)
    calls, user_ids, dimensions = columns
    fields: Any = ReplayedCall._make(zip(*calls, strict=True))
    usages: Any = Usage._make(zip(*fields.usage, strict=True))
    return StoredCall(fields._replace(usage=usages), user_ids, dimensions)


def _cost_sources(calls: Any) -> list[str | None]:
    """Return where costs come from, of the fields of all calls."""
    return [
        None if cost is None else "recorded" if is_recorded else "computed"
        for cost, is_recorded in zip(calls.cost_pusd, calls.is_recorded, strict=True)
    ]


def _dimensions(values: Mapping[str, DimensionValue] | None) -> str | None:
    return None if values is None else json_object(values)


CALLS = Table(
    "calls",
    "what one span reports about a call, and whether it counts",
    (
        Column("trace_id", _TEXT, "trace id", lambda all_: hex_ids(all_.call.trace_id, 32)),
        Column("span_id", _TEXT, "span id", lambda all_: hex_ids(all_.call.span_id, 16)),
        Column("session", _TEXT, "session id", attrgetter("call.session_id")),
        Column("name", _TEXT, "name of the span", attrgetter("call.name")),
        Column("start_time", _TIME, "start", lambda all_: microseconds(all_.call.start_ns)),
        Column("end_time", _TIME, "end", lambda all_: microseconds(all_.call.end_ns)),
        Column(
            "duration",
            _NUMBER,
            "milliseconds",
            lambda all_: durations(all_.call.start_ns, all_.call.end_ns),
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
        Column("cost_source", _TEXT, "computed or recorded", lambda all_: _cost_sources(all_.call)),
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
            lambda all_: hex_ids(all_.call.lost_to, 16),
        ),
        Column("rule", _TEXT, "the rule by which it does not count", attrgetter("call.rule")),
        *PERIODS,
        Column("user", _TEXT, "user id of its trace", attrgetter("user_id")),
        Column(
            "dimensions",
            _OBJECT,
            "those of its trace, JSON",
            lambda all_: each_once(_dimensions, all_.dimensions),
        ),
    ),
    _calls_transposed,
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


def _spans_transposed(rows: Sequence[StoredSpan]) -> StoredSpan:
    spans, resources, session_ids, kinds = zip(*rows, strict=True)
    fields: Any = zip(*spans, strict=True)
    return StoredSpan(SpanData._make(fields), resources, session_ids, kinds)


SPANS = Table(
    "spans",
    "a span as it was read; only in files that are kept",
    (
        Column("trace_id", _TEXT, "trace id", lambda all_: hex_ids(all_.span.trace_id, 32)),
        Column("span_id", _TEXT, "span id", lambda all_: hex_ids(all_.span.span_id, 16)),
        Column("parent_id", _TEXT, "of its parent", lambda all_: hex_ids(all_.span.parent_id, 16)),
        Column(
            "remote_parent_id",
            _TEXT,
            "of a parent that looks remote",
            lambda all_: hex_ids(all_.span.carried_parent_id, 16),
        ),
        Column("is_part", _FLAG, "whether a remote parent is known", attrgetter("span.is_part")),
        Column("session", _TEXT, "session id", attrgetter("session_id")),
        Column("name", _TEXT, "name", attrgetter("span.name")),
        Column("kind", _TEXT, "model, tool, agent, feedback ...", attrgetter("kind")),
        Column("span_kind", _TEXT, "CLIENT, SERVER ...", attrgetter("span.span_kind")),
        Column("scope", _TEXT, "name of its scope", attrgetter("span.scope_name")),
        Column("scope_version", _TEXT, "version of its scope", attrgetter("span.scope_version")),
        Column("start_time", _TIME, "start", lambda all_: microseconds(all_.span.start_ns)),
        Column("end_time", _TIME, "end", lambda all_: microseconds(all_.span.end_ns)),
        Column("start_ns", _COUNT, "start, Unix nanoseconds", attrgetter("span.start_ns")),
        Column("end_ns", _COUNT, "end, Unix nanoseconds", attrgetter("span.end_ns")),
        Column(
            "duration",
            _NUMBER,
            "milliseconds",
            lambda all_: durations(all_.span.start_ns, all_.span.end_ns),
        ),
        Column("failed", _FLAG, "whether it failed", attrgetter("span.failed")),
        Column("status", _TEXT, "description of its status", attrgetter("span.status_description")),
        Column(
            "attributes",
            _OBJECT,
            "attributes, JSON",
            lambda all_: list(map(object_text, all_.span.attributes)),
        ),
        Column(
            "dropped_attributes",
            _COUNT,
            "attributes that were dropped",
            attrgetter("span.dropped_attributes"),
        ),
        Column(
            "events",
            _OBJECT,
            "[[name, nanoseconds], attributes] for each, JSON",
            lambda all_: list(map(events_text, all_.span.events)),
        ),
        Column(
            "resource",
            _OBJECT,
            "attributes of its resource, JSON",
            lambda all_: each_once(object_text, all_.resource),
        ),
        *PERIODS,
    ),
    _spans_transposed,
)
