"""Read the sessions of a store for the command line.

A session is what all of its slots add up to.  A slot that this version cannot read (garbage, or of
another version) is left out and counted.  Nothing is written, and only the store is read: what a
process has not written yet is not here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from itertools import islice
from typing import NamedTuple

from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._sharing.keys import SESSION
from otel_session_agg._sharing.slot_reader import SlotReader
from otel_session_agg._untrusted.values import text
from otel_session_agg.stores.base import SessionStore, Stored

_BATCH = 256
"""Keys in one call to the store: a few milliseconds."""

_JSON = json.JSONEncoder(ensure_ascii=False)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

Value = str | bool | int | float | datetime | tuple[str, ...] | None
"""The value of a column; ``None``: it is not known."""


@dataclass(frozen=True, slots=True)
class StoredSession:
    """One session, as the processes that wrote to the store have seen it."""

    session_id: str
    totals: SessionTotals
    has_ended: bool
    """Whether its record was made, and nothing came since."""
    revision: int
    """The revision of the last record; 0 when there was none."""
    end_reason: str | None = None
    """Why it has ended; ``None``: it has not, or that is not known."""

    @property
    def rollup(self) -> Rollup:
        """Events, tokens, cost, times, last output and error."""
        return self.totals.rollup


class SessionReader:
    """Reads the sessions of a store; raises what the store raises."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._counts: Counter[str] = Counter()
        self._reader = SlotReader(store, self._counts)
        self._names: dict[str, None] = {}

    @property
    def num_malformed(self) -> int:
        """The number of entries that were left out so far."""
        self._look()
        return self._counts["malformed"]

    @property
    def malformed(self) -> list[str]:
        """The names of some of them."""
        self._look()
        return list(self._names)

    def _look(self) -> None:
        self._names.update(dict.fromkeys(self._reader.left_out()))

    def all(self) -> Iterator[StoredSession]:
        """Return all sessions, in any order."""
        keys = self._store.keys(SESSION)
        while batch := list(islice(keys, _BATCH)):
            for key, stored in zip(batch, self._store.get(batch), strict=True):
                found = self._read(key[len(SESSION) :], stored)
                if found is not None:
                    yield found

    def get(self, session_id: str) -> StoredSession | None:
        """Return one session, by its id as an application gives it.

        ``None``: there is nothing that can be read.
        """
        for name in dict.fromkeys((text(session_id) or session_id, session_id)):
            [stored] = self._store.get([SESSION + name])
            found = self._read(name, stored)
            if found is not None:
                return found
        return None

    def _read(self, session_id: str, stored: Stored) -> StoredSession | None:
        key = SESSION + session_id
        parts = self._reader.totals(key, stored)
        recorded = self._reader.recorded(key, stored)
        if not parts:
            return None
        totals = sum(parts.values(), SessionTotals())
        if recorded is None:
            return StoredSession(session_id, totals, has_ended=False, revision=0)
        has_ended = recorded.version == stored.version
        reason = (recorded.reason or None) if has_ended else None
        return StoredSession(session_id, totals, has_ended, recorded.revision, reason)


# -- columns -------------------------------------------------------------------------------


class Form(Enum):
    """The kinds of values that columns have."""

    TEXT = "text"
    NUMBER = "a number"
    FLAG = "true or false"
    TIME = "a time such as 2026-01-31 or 2026-01-31T12:00, in UTC"
    NAMES = "a name"


class Column(NamedTuple):
    """One property of a session that is shown and can be selected by."""

    form: Form
    read: Callable[[StoredSession], Value]


def time_of(ns: int | None) -> datetime | None:
    """Return the date of a time in nanoseconds since the Unix epoch, to the millisecond.

    ``None`` also for a time that no calendar has.
    """
    try:
        return _EPOCH + timedelta(milliseconds=ns // 1_000_000) if ns is not None else None
    except OverflowError:
        return None


def _of_rollup(name: str, form: Form = Form.NUMBER) -> Column:
    return Column(form, lambda session: _known(session.rollup, name))


def _known(values: Rollup | SessionTotals, name: str) -> Value:
    """Return a field; ``None`` also for a number that no float has.

    Only garbage in a store has such numbers.
    """
    try:
        value: Value = getattr(values, name)
    except OverflowError:
        return None
    return value


def json_object(values: Mapping[str, str | bool | int | float | None]) -> str | None:
    """Return values by name as an object in JSON; ``None``: there are none."""
    return _JSON.encode(dict(sorted(values.items()))) if values else None


COLUMNS: Mapping[str, Column] = {
    "session": Column(Form.TEXT, lambda session: session.session_id),
    "state": Column(Form.TEXT, lambda session: "ended" if session.has_ended else "open"),
    "revision": Column(Form.NUMBER, lambda session: session.revision),
    "user": Column(Form.TEXT, lambda session: session.totals.user_id),
    "cost": _of_rollup("cost_usd"),
    "cost_source": _of_rollup("cost_source", Form.TEXT),
    "unpriced": _of_rollup("num_unpriced_events"),
    "tokens": _of_rollup("total_tokens"),
    "prompt_tokens": _of_rollup("prompt_tokens"),
    "completion_tokens": _of_rollup("completion_tokens"),
    "cache_read_tokens": _of_rollup("cache_read_tokens"),
    "cache_write_tokens": _of_rollup("cache_write_tokens"),
    "reasoning_tokens": _of_rollup("reasoning_tokens"),
    "traces": Column(Form.NUMBER, lambda session: session.totals.num_traces),
    "open_roots": Column(Form.NUMBER, lambda session: session.totals.num_open),
    "events": _of_rollup("num_events"),
    "model_events": _of_rollup("num_model_events"),
    "tool_events": _of_rollup("num_tool_events"),
    "errors": _of_rollup("num_errors"),
    "feedback": _of_rollup("has_feedback", Form.FLAG),
    "models": Column(Form.NAMES, lambda session: tuple(sorted(session.rollup.models))),
    "start_time": Column(Form.TIME, lambda session: time_of(session.rollup.start_ns)),
    "end_time": Column(Form.TIME, lambda session: time_of(session.rollup.end_ns)),
    "duration": _of_rollup("duration_ms"),
    "avg_trace_latency": Column(
        Form.NUMBER, lambda session: _known(session.totals, "average_trace_ms")
    ),
    "metadata": Column(Form.TEXT, lambda session: json_object(session.totals.metadata_as_json())),
    "dimensions": Column(Form.TEXT, lambda session: json_object(session.totals.dimension_values)),
    "turns": Column(Form.NUMBER, lambda session: session.totals.num_turns),
    "average_turn_cost": Column(
        Form.NUMBER, lambda session: _known(session.totals, "average_turn_cost_usd")
    ),
    "end_reason": Column(Form.TEXT, lambda session: session.end_reason),
}
"""By name, in the order in which they are shown; cost in USD, durations in milliseconds.

``state`` is ``open`` or ``ended``; ``revision`` is that of the last session record, 0 before the
first one; ``unpriced`` counts the billable events whose cost is unknown and therefore not in
``cost``; ``open_roots`` counts roots that had not ended, or were released before everything below
them had; ``turns`` are the traces that begin in a session; ``metadata`` and ``dimensions`` are
objects in JSON.
"""


Row = Mapping[str, Value]
"""The values of all columns by name."""


def read_row(session: StoredSession) -> Row:
    """Return the values of all columns of a session."""
    return {name: column.read(session) for name, column in COLUMNS.items()}


def ordered(rows: Iterable[Row], column: str, *, descends: bool = False) -> list[Row]:
    """Sort rows by a column; equal ones by session id.

    Those where it is not known come last in either direction.
    """
    by_session: list[Row] = sorted(rows, key=lambda row: str(row["session"]))
    known = [row for row in by_session if row[column] is not None]
    # one type per column
    known.sort(
        key=lambda row: row[column],  # type: ignore[arg-type, return-value]
        reverse=descends,
    )
    return known + [row for row in by_session if row[column] is None]
