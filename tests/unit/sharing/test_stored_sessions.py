"""What a store knows of its sessions: values, columns and their order."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timezone
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg import Rollup
from otel_session_agg._model.dimensions import Dimension
from otel_session_agg._model.merges import MAYBE, SUM
from otel_session_agg._model.rollup import At
from otel_session_agg._model.session_totals import Labelled, SessionTotals
from otel_session_agg._sharing.encoding import encode_recorded
from otel_session_agg._sharing.keys import RECORD, SESSION, first_record, session_slot
from otel_session_agg._sharing.parts import Recorded
from otel_session_agg._sharing.stored_sessions import (
    _BATCH,
    COLUMNS,
    Form,
    Row,
    SessionReader,
    StoredSession,
    ordered,
    read_row,
    time_of,
)
from otel_session_agg.stores import MemoryStore
from otel_session_agg.stores.base import Slot

TTL = 1000.0
MS = 1_000_000
START_NS = 1_800_000_000_000 * MS


def rolled(tokens: int = 10, **kwargs: Any) -> SessionTotals:
    """Totals of one call."""
    return SessionTotals(rollup=Rollup(num_events=1, total_tokens=tokens, **kwargs))


@pytest.fixture
def store() -> MemoryStore:
    """A store without anything."""
    return MemoryStore()


def put(store: MemoryStore, *slots: Slot) -> None:
    """Put slots."""
    store.put(slots, ttl_seconds=TTL)


def settle(store: MemoryStore, session_id: str, revision: int) -> None:
    """Make a record, as whoever ends a session does."""
    [stored] = store.get([SESSION + session_id])
    value = encode_recorded(Recorded(revision, stored.version))
    assert store.settle(Slot(SESSION + session_id, RECORD, revision, value), stored.version, ttl_seconds=TTL)


def only(store: MemoryStore, session_id: str = "s") -> StoredSession:
    """One session that is there."""
    found = SessionReader(store).get(session_id)
    assert found is not None
    return found


class TestSessionReader:
    """Reading a store."""

    def test_adds_up_processes(self, store: MemoryStore) -> None:
        """A session is what all of its writers have, each counted once."""
        put(store, session_slot("s", "a", 1, rolled(1)), session_slot("s", "b", 1, rolled(20)))
        put(store, session_slot("s", "a", 2, rolled(300)))
        assert (320, 2) == (only(store).rollup.total_tokens, only(store).rollup.num_events)

    def test_nothing_there(self, store: MemoryStore) -> None:
        """What nobody wrote is no session, nor is a record alone."""
        put(store, first_record("recorded"))
        reader = SessionReader(store)
        assert (None, None) == (reader.get("nobody"), reader.get("recorded"))
        assert [] == list(reader.all())
        assert 0 == reader.num_malformed

    def test_all(self, store: MemoryStore) -> None:
        """All sessions are read, over many batches, and nothing else that is in the store."""
        number = 2 * _BATCH + 3
        put(store, *(session_slot(f"s{one}", "a", 1, rolled(one)) for one in range(number)))
        put(store, Slot("t:" + "0" * 32, "a", 1, b"{}"))
        reader = SessionReader(store)
        assert {f"s{one}": one for one in range(number)} == {one.session_id: one.rollup.total_tokens for one in reader.all()}
        assert 0 == reader.num_malformed

    def test_malformed(self, store: MemoryStore) -> None:
        """Garbage and other versions are left out and counted; the rest of the session is there."""
        put(store, session_slot("s", "a", 1, rolled(7)), Slot("s:s", "b", 1, b"\xff"), Slot("s:s", "c", 1, b'{"v": 99}'))
        put(store, Slot("s:garbage", "a", 1, b"?"), Slot("s:s", RECORD, 1, b"?"))
        reader = SessionReader(store)
        assert [("s", 7, 0)] == [(one.session_id, one.rollup.total_tokens, one.revision) for one in reader.all()]
        assert 4 == reader.num_malformed

    def test_ends_and_comes_back(self, store: MemoryStore) -> None:
        """A session has ended while its last record tells all there is."""
        put(store, session_slot("s", "a", 1, rolled()))
        assert (False, 0) == (only(store).has_ended, only(store).revision)
        settle(store, "s", 1)
        assert (True, 1) == (only(store).has_ended, only(store).revision)
        put(store, session_slot("s", "a", 2, rolled(11)))
        assert (False, 1) == (only(store).has_ended, only(store).revision)
        settle(store, "s", 2)
        assert (True, 2) == (only(store).has_ended, only(store).revision)

    def test_root_was_first_record(self, store: MemoryStore) -> None:
        """A trace that became a session has revision 1, and has not ended."""
        put(store, session_slot("s", "a", 1, rolled()), first_record("s"))
        assert (False, 1) == (only(store).has_ended, only(store).revision)


class TestColumns:
    """What is told of a session."""

    def test_all(self) -> None:
        """Every column has its own value."""
        rollup = Rollup(
            num_events=9,
            num_model_events=4,
            num_tool_events=3,
            num_errors=2,
            num_unpriced_events=1,
            num_computed=3,
            cost_pusd=1_500_000_000,
            num_winners=3,
            prompt_tokens=100,
            completion_tokens=20,
            total_tokens=125,
            cache_read_tokens=30,
            cache_write_tokens=11,
            reasoning_tokens=5,
            has_feedback=True,
            start_ns=START_NS + 999_999,
            end_ns=START_NS + 2500 * MS,
            models=frozenset({"b", "a"}),
        )
        user, traces = At(1, 1, "u"), frozenset({1, 2})
        totals = SessionTotals(rollup, num_open=6, user=user, traces=traces, more_traces=3, num_roots=5, root_ns=1500 * MS)
        totals += SessionTotals(metadata={"plan": Labelled(1, "pro")}, dimensions={"user.id": Dimension(1, 1, "x")})
        row = read_row(StoredSession("s", totals, has_ended=True, revision=8, end_reason="idle"))
        start = datetime(2027, 1, 15, 8, tzinfo=timezone.utc)
        assert {
            "session": "s",
            "state": "ended",
            "revision": 8,
            "user": "u",
            "metadata": '{"plan": "pro"}',
            "dimensions": '{"user.id": "u"}',
            "turns": 5,
            "average_turn_cost": 0.0003,
            "end_reason": "idle",
            "cost": 0.0015,
            "cost_source": "computed",
            "unpriced": 1,
            "tokens": 125,
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "cache_read_tokens": 30,
            "cache_write_tokens": 11,
            "reasoning_tokens": 5,
            "traces": 5,
            "open_roots": 6,
            "events": 9,
            "model_events": 4,
            "tool_events": 3,
            "errors": 2,
            "feedback": True,
            "models": ("a", "b"),
            "start_time": start,
            "end_time": start.replace(second=2, microsecond=500_000),
            "duration": 2499.000001,
            "avg_trace_latency": 300.0,
        } == row
        assert list(COLUMNS) == list(row)

    def test_unknown(self) -> None:
        """What nobody stated is not known; a cost of calls without a price least of all is 0."""
        row = read_row(StoredSession("s", SessionTotals(rollup=Rollup(num_unpriced_events=1)), has_ended=False, revision=0))
        unknown = {name for name, value in row.items() if value is None}
        assert {"user", "cost", "cost_source", "tokens", "prompt_tokens", "completion_tokens"} <= unknown
        assert {"start_time", "end_time", "duration", "avg_trace_latency"} <= unknown
        assert "open" == row["state"]

    def test_beyond_numbers(self) -> None:
        """Figures that no float and times that no calendar has are not known; nothing is raised."""
        huge = 10**400
        rollup = Rollup(cost_pusd=huge, num_computed=1, start_ns=0, end_ns=huge)
        row = read_row(StoredSession("s", SessionTotals(rollup=rollup, num_roots=1, root_ns=huge), has_ended=False, revision=0))
        assert {"cost", "end_time", "duration", "avg_trace_latency"} <= {name for name, value in row.items() if value is None}

    @pytest.mark.parametrize(
        ("ns", "expected"),
        [
            (None, None),
            (0, datetime(1970, 1, 1, tzinfo=timezone.utc)),
            (-1, datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=timezone.utc)),
            (MS - 1, datetime(1970, 1, 1, tzinfo=timezone.utc)),
            (10**19, datetime(2286, 11, 20, 17, 46, 40, tzinfo=timezone.utc)),
            (10**24, None),
        ],
    )
    def test_times(self, ns: int | None, expected: datetime | None) -> None:
        """Times are UTC, cut to the millisecond."""
        assert expected == time_of(ns)


_ROWS = st.lists(
    st.fixed_dictionaries({"session": st.text(), "cost": st.none() | st.floats(0, 1), "models": st.just(())}),
    unique_by=lambda row: row["session"],
)


class TestOrdered:
    """The order of rows."""

    @given(_ROWS, st.booleans())
    def test_by_column(self, rows: list[Row], descends: bool) -> None:  # noqa: FBT001 -- given
        """All rows, those with a value sorted by it, those without last; equals by session, whatever came first."""
        found = ordered(rows, "cost", descends=descends)
        known: list[Any] = [row["cost"] for row in found if row["cost"] is not None]
        assert sorted(known, reverse=descends) == known
        assert [*known, *([None] * (len(rows) - len(known)))] == [row["cost"] for row in found]
        assert found == ordered(rows[::-1], "cost", descends=descends)
        for before, after in pairwise(found):
            assert before["cost"] != after["cost"] or str(before["session"]) < str(after["session"])

    @pytest.mark.parametrize("column", COLUMNS)
    def test_by_any_column(self, column: str) -> None:
        """Every column can be sorted by, in both directions."""
        low = StoredSession("a", SessionTotals(), has_ended=True, revision=0)
        counts: dict[str, Any] = {field.name: 1 for field in fields(Rollup) if field.metadata["merge"] in {SUM, MAYBE}}
        rollup = Rollup(**counts, has_feedback=True, start_ns=5 * MS, end_ns=10 * MS, models=frozenset({"m"}))
        totals = SessionTotals(rollup, num_open=1, num_roots=1, root_ns=1, more_traces=1, user=At(1, 1, "u"))
        totals += SessionTotals(metadata={"plan": Labelled(1, "pro")}, dimensions={"tenant": Dimension(1, 1, "x")})
        high = StoredSession("b", totals, has_ended=False, revision=1, end_reason="idle")
        rows = [read_row(low), read_row(high)]
        if column == "cost":
            assert (0.0, "mixed") == (rows[0]["cost"], rows[1]["cost_source"])
        is_unknown = rows[0][column] is None
        assert ["b", "a"] == [row["session"] for row in ordered(rows, column, descends=True)]
        assert (["b", "a"] if is_unknown else ["a", "b"]) == [row["session"] for row in ordered(rows, column)]

    def test_forms(self) -> None:
        """Each column's values are of its form."""
        types: dict[Form, Any] = {
            Form.TEXT: str,
            Form.NUMBER: (int, float),
            Form.FLAG: bool,
            Form.TIME: datetime,
            Form.NAMES: tuple,
        }
        totals = SessionTotals(rollup=Rollup(total_tokens=1, start_ns=1, end_ns=2, num_computed=1), user=At(1, 1, "u"))
        row = read_row(StoredSession("s", totals, has_ended=False, revision=0))
        assert {} == {
            name: row[name] for name in row if row[name] is not None and not isinstance(row[name], types[COLUMNS[name].form])
        }
