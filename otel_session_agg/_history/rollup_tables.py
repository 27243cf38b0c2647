"""The tables of totals: sessions, traces, and what these are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from otel_session_agg._history.breakdown import NamedPart
from otel_session_agg._history.columns import (
    PERIODS,
    TOKENS,
    Column,
    ColumnType,
    Table,
    hex_id,
    in_milliseconds,
    known_pusd,
    token_columns,
)
from otel_session_agg._model.rollup import Rollup, duration_ms
from otel_session_agg._model.row_names import name_of_row
from otel_session_agg._sharing.stored_sessions import COLUMNS, json_object

_TEXT, _COUNT, _NUMBER = ColumnType.TEXT, ColumnType.COUNT, ColumnType.NUMBER
_FLAG, _TIME, _USD = ColumnType.FLAG, ColumnType.TIME, ColumnType.USD
_MS = "milliseconds from the first start to the last end"


def _of_rollup(name: str) -> Column:
    """Return a column that sessions and traces have; both have a ``rollup``."""
    kind, meaning, read = _ROLLUP[name]
    return Column(name, kind, meaning, read)


def _rollup_cost(row: Any) -> int | None:
    rollup: Rollup = row.rollup
    num_priced = rollup.num_computed + rollup.num_recorded
    return known_pusd(rollup.cost_pusd, num_priced, rollup.num_unpriced_events)


_ROLLUP: Mapping[str, tuple[ColumnType, str, Callable[[Any], Any]]] = {
    "cost": (_USD, "known cost in USD; unknown when every billable call is unpriced", _rollup_cost),
    "cost_source": (
        _TEXT,
        "computed, recorded or mixed; unknown as the cost",
        attrgetter("rollup.cost_source"),
    ),
    "unpriced": (
        _COUNT,
        "billable calls whose cost is unknown and not in the cost",
        attrgetter("rollup.num_unpriced_events"),
    ),
    "events": (
        _COUNT,
        "spans below roots, and roots that are calls",
        attrgetter("rollup.num_events"),
    ),
    "model_events": (_COUNT, "model calls", attrgetter("rollup.num_model_events")),
    "tool_events": (_COUNT, "calls of tools", attrgetter("rollup.num_tool_events")),
    "errors": (_COUNT, "events that failed", attrgetter("rollup.num_errors")),
    "feedback": (_FLAG, "whether there is feedback", attrgetter("rollup.has_feedback")),
    "models": (
        ColumnType.TEXTS,
        "names of the models that were called: list_contains(models, 'x')",
        lambda row: sorted(row.rollup.models),
    ),
    "duration": (_NUMBER, _MS, attrgetter("rollup.duration_ms")),
    "model_duration": (
        _NUMBER,
        "milliseconds in which a model call ran",
        attrgetter("rollup.model_duration_ms"),
    ),
    "tool_duration": (
        _NUMBER,
        "milliseconds in which a tool ran",
        attrgetter("rollup.tool_duration_ms"),
    ),
    "error": (_TEXT, "the last error", lambda row: row.rollup.error and row.rollup.error.value),
}

OF_ROLLUPS = frozenset({*_ROLLUP, *TOKENS}) - {"duration"}
"""Columns of sessions and traces that come from a rollup; a trace has a duration of its own."""


def _names_of(kind: str) -> Callable[[Any], Any]:
    """Return what reads the names of the tools or agents that were called."""
    read = attrgetter(f"rollup.details.by_{kind}")
    return lambda row: sorted(filter(None, map(name_of_row, read(row))))


# -- sessions --------------------------------------------------------------------------------------


def _session_column(name: str, kind: ColumnType, meaning: str) -> Column:
    """Return a column that is read as the one of the same name of a store's sessions."""
    return Column(name, kind, meaning, COLUMNS[name].read)


NAMES_OF_PARTS = (
    Column(
        "agents",
        ColumnType.TEXTS,
        "names of the agents that ran: list_contains(agents, 'x')",
        _names_of("agent"),
    ),
    Column(
        "tools",
        ColumnType.TEXTS,
        "names of the tools that were called: list_contains(tools, 'x')",
        _names_of("tool"),
    ),
)
"""Of a session; a very long list lacks some, which the breakdown calls ``other``."""

SESSIONS = Table(
    "sessions",
    "a session, over all of its traces",
    (
        _session_column("session", _TEXT, "session id; the trace id where no span states one"),
        _session_column("state", _TEXT, "ended, or open"),
        _session_column("revision", _COUNT, "the last session record; 0: there was none"),
        _session_column("user", _TEXT, "user id"),
        _of_rollup("cost"),
        _of_rollup("cost_source"),
        _of_rollup("unpriced"),
        *token_columns("rollup"),
        _session_column("traces", _COUNT, "traces"),
        _session_column("open_roots", _COUNT, "roots that have not ended, or left too early"),
        _of_rollup("events"),
        _of_rollup("model_events"),
        _of_rollup("tool_events"),
        _of_rollup("errors"),
        _of_rollup("feedback"),
        _of_rollup("models"),
        Column(
            "start_time", _TIME, "the first start", lambda row: in_milliseconds(row.rollup.start_ns)
        ),
        Column("end_time", _TIME, "the last end", lambda row: in_milliseconds(row.rollup.end_ns)),
        _of_rollup("duration"),
        _session_column("avg_trace_latency", _NUMBER, "average duration of its traces, ms"),
        _session_column("metadata", ColumnType.OBJECT, "what the application states of it, JSON"),
        _session_column("dimensions", ColumnType.OBJECT, "service, tenant, version ..., JSON"),
        _session_column("turns", _COUNT, "traces that begin in it"),
        _session_column("average_turn_cost", _NUMBER, "known cost for each turn in USD"),
        _session_column("end_reason", _TEXT, "why it has ended; unknown in a replay"),
        _of_rollup("model_duration"),
        _of_rollup("tool_duration"),
        Column(
            "idle_duration",
            _NUMBER,
            "milliseconds between traces",
            attrgetter("rollup.idle_duration_ms"),
        ),
        _of_rollup("error"),
        *PERIODS,
        *NAMES_OF_PARTS,
    ),
)

OF_DETAILS = frozenset(column.name for column in SESSIONS.columns) - {
    *("session", "state", "revision", "user", "cost", "cost_source", "unpriced", "traces"),
    *("open_roots", "events", "model_events", "tool_events", "errors", "feedback", "models"),
    *("start_time", "end_time", "duration", "avg_trace_latency", "metadata", "dimensions"),
    *("turns", "average_turn_cost", "error"),
    *(column.name for column in (*token_columns("rollup"), *PERIODS)),
}
"""Columns that may come from the details of a rollup, which take a quarter of the time to count."""

# -- traces ----------------------------------------------------------------------------------------


TRACES = Table(
    "traces",
    "a trace, over all of its processes and sessions",
    (
        Column("trace_id", _TEXT, "trace id", lambda row: hex_id(row.trace_id, 32)),
        Column("session", _TEXT, "session id of its root", attrgetter("session_id")),
        Column(
            "root_id",
            _TEXT,
            "span id of its root; unknown when that is not there",
            lambda row: hex_id(row.root_id, 16),
        ),
        Column("name", _TEXT, "name of its root, else of its first span", attrgetter("name")),
        Column("user", _TEXT, "user id", attrgetter("user_id")),
        _of_rollup("cost"),
        _of_rollup("cost_source"),
        _of_rollup("unpriced"),
        *token_columns("rollup"),
        Column("spans", _COUNT, "spans", attrgetter("num_spans")),
        _of_rollup("events"),
        _of_rollup("model_events"),
        _of_rollup("tool_events"),
        _of_rollup("errors"),
        _of_rollup("feedback"),
        _of_rollup("models"),
        Column("start_time", _TIME, "the first start", lambda row: in_milliseconds(row.start_ns)),
        Column("end_time", _TIME, "the last end", lambda row: in_milliseconds(row.end_ns)),
        Column("duration", _NUMBER, _MS, lambda row: duration_ms(row.start_ns, row.end_ns)),
        _of_rollup("model_duration"),
        _of_rollup("tool_duration"),
        Column("partial", _TEXT, "why something is missing", attrgetter("partial")),
        Column(
            "dimensions",
            ColumnType.OBJECT,
            "service, tenant, version ..., JSON",
            lambda row: json_object(row.dimensions),
        ),
        _of_rollup("error"),
        *PERIODS,
    ),
)

# -- what totals are made of -----------------------------------------------------------------------


def _part_cost(part: NamedPart) -> int | None:
    row = part.row
    return known_pusd(row.cost_pusd, row.num_priced, row.num_unpriced)


BREAKDOWN = Table(
    "breakdown",
    "what one model, agent or tool came to in one session",
    (
        Column("session", _TEXT, "session id", attrgetter("session_id")),
        Column("kind", _TEXT, "model, agent or tool", attrgetter("kind")),
        Column(
            "name", _TEXT, "its name; none and other for what has none or no row",
            attrgetter("name"),
        ),
        Column("calls", _COUNT, "calls of models, or of the tool", attrgetter("row.num_calls")),
        Column("errors", _COUNT, "those that failed", attrgetter("row.num_errors")),
        *token_columns("row"),
        Column("cost", _USD, "known cost in USD", _part_cost),
        Column("priced", _COUNT, "calls whose cost is known", attrgetter("row.num_priced")),
        Column("unpriced", _COUNT, "those whose cost is not known", attrgetter("row.num_unpriced")),
        Column("start_time", _TIME, "start of it", lambda row: in_milliseconds(row.start_ns)),
        Column("duration", _NUMBER, "milliseconds, summed up", attrgetter("row.duration_ms")),
        *PERIODS,
    ),
)  # fmt: skip
