"""Sessions that are over are forgotten as a whole."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from otel_session_agg._history.database import HistoryError
from otel_session_agg._history.history import History
from otel_session_agg._history.retention import _sum_up
from otel_session_agg._history.rollup_tables import OF_ROLLUPS
from otel_session_agg._history.sources import Selection
from otel_session_agg._history.tables import TABLES
from tests.support.histories import one_trace
from tests.support.offline import EPOCH_NS, call, counted, stored_span

_AT = datetime(2026, 1, 13, tzinfo=timezone.utc)


class TestForgottenForGood:
    """What has come since of sessions that were forgotten."""

    def test_late_spans(self) -> None:
        """Sessions that ended before are deleted again; what goes on, or begins, is kept."""
        with History() as history:
            for number, session in ((1, "old"), (2, "goes on"), (3, "old")):
                history.add(*one_trace(number, session))
            assert 2 == history.forget_before(_AT, notes=True)
            for number, session, hours in ((1, "old", 0), (4, "goes on", 40), (5, "new", 41)):
                history.add(*one_trace(number, session, hours=hours))
            assert 1 == history.recount_kept()
            assert [("goes on",), ("new",)] == history.rows("SELECT session FROM sessions ORDER BY session")
            for table in ("traces", "internal.parts", "(SELECT DISTINCT trace_id FROM spans)"):
                assert [(2,)] == history.rows(f"SELECT count(*) FROM {table}")  # noqa: S608
            assert [] == history.ended_before(_AT, ["old", "goes on"])

    def test_shared_trace(self) -> None:
        """A trace of which a session stays is counted again without the one that was forgotten."""
        spans = [
            stored_span(1, at=10**6, attributes={"session.id": "new"}, end_ns=EPOCH_NS + 10**16),
            stored_span(2, 1, at=1, attributes={"session.id": "old"}),
            call(3, 2, at=1, attributes={"session.id": "old"}),
            call(4, 1, at=10**6, attributes={"session.id": "new"}),
        ]
        late = call(5, 1, at=10**6, attributes={"session.id": "new"})
        before = datetime.fromtimestamp(EPOCH_NS / 1e9 + 1000, timezone.utc)
        with History() as history:
            for number, given in enumerate((spans, [*spans, late])):
                for one in counted(given):
                    history.add(one.parts, [one.trace], one.calls)
                assert number == history.recount_kept()
                assert 1 - number == history.forget_before(before, notes=True)
                assert [("new", number + 1)] == history.rows("SELECT session, model_events FROM sessions")
                assert [(number + 1,)] == history.rows("SELECT model_events FROM traces")
                assert [(number + 1,)] == history.rows("SELECT count(*) FROM calls")

    def test_others_at_work(self, tmp_path: Path) -> None:
        """What others do on the file meanwhile hinders nothing: the space is used again later."""
        with History(tmp_path / "h") as history:
            history.add(*one_trace(1, "old"))
            with history._writer().cursor() as other:
                other.begin()
                other.execute("CREATE TABLE of_others (number INTEGER)")
                assert 1 == history.forget_before(_AT)
                other.rollback()
            assert [] == history.rows("SELECT session FROM sessions")

    def test_earlier_date(self, tmp_path: Path) -> None:
        """What a file notes is the last date that it was given, until it is given another."""
        with History(tmp_path / "h") as history:
            assert history.forgotten_before() is None
            history.forget_before(_AT)
            assert history.forgotten_before() is None
            history.forget_before(_AT, notes=True)
        with History(tmp_path / "h") as history:
            assert _AT == history.forgotten_before()
            history.forget_before(_AT - timedelta(days=2), notes=True)
            history.add(*one_trace(1, "old"))
            assert 0 == history.recount_kept()
            assert [("old",)] == history.rows("SELECT session FROM sessions")


class TestForgetBefore:
    """``forget_before``."""

    def test_whole_sessions(self) -> None:
        """A session that goes on keeps its first traces, and others leave with all that is theirs."""
        with History() as history:
            for number, (session, hours) in enumerate([("old", 0), ("old", 1), ("both", 0), ("both", 40), ("new", 41)]):
                history.add(*one_trace(number, session, hours=hours))
            assert 1 == history.forget_before(_AT)
            assert [("both", 2), ("new", 1)] == history.rows("SELECT session, traces FROM sessions ORDER BY session")
            assert [(3,)] * 2 == history.rows("SELECT count(*) FROM traces UNION ALL SELECT count(*) FROM spans")
            assert [(6,)] == history.rows("SELECT count(*) FROM calls")
            assert 0 == history.forget_before(_AT)
            assert 2 == history.forget_before(_AT + timedelta(days=9))
            for table in TABLES:
                assert [(0,)] == history.rows(f"SELECT count(*) FROM {table.name}")  # noqa: S608

    def test_labels(self) -> None:
        """The labels of sessions that are gone cannot be named any more, nor decide what type others have."""
        with History() as history:
            history.add(*one_trace(1, "old", metadata={"score": "high", "gone": 1}, dimensions={"tenant": "a"}))
            history.add(*one_trace(2, "new", hours=40, metadata={"score": 10}))
            assert 1 == history.forget_before(_AT)
            assert [("sessions", "score", "UBIGINT")] == history.rows("SELECT * FROM internal.labels")
            assert ["new"] == [row[0] for row in history.select(Selection(where="score > 9")).rows]
            for by, name in (("session", "gone"), ("trace", "tenant"), ("call", "tenant")):
                with pytest.raises(HistoryError, match=f"there is no column '{name}'"):
                    history.select(Selection(by, where=f"{name} = 1"))

    def test_shared_trace(self) -> None:
        """A trace stays as long as one of its sessions does, and calls as long as theirs: both add up to the same."""
        old, new = one_trace(1, "old"), one_trace(1, "new", hours=40)
        with History() as history:
            history.add([*old.parts, *new.parts], old.traces, [*old.calls, *new.calls])
            history.forget_before(_AT)
            assert [("new",)] == history.rows("SELECT session FROM sessions")
            assert [(1,)] == history.rows("SELECT count(*) FROM traces")
            assert [("new",)] == history.rows("SELECT DISTINCT session FROM calls")
            assert history.rows("SELECT sum(cost) FROM sessions") == history.rows("SELECT sum(cost) FROM calls")

    def test_sums_of_a_shared_trace(self) -> None:
        """The row of a trace that stays has what the sessions come to that stay; others are as they were."""
        figures = f"SELECT {', '.join(sorted(OF_ROLLUPS))} FROM "  # noqa: S608 -- names of columns
        inner, outer = "old", "new"
        spans = [
            stored_span(1, at=10**6, attributes={"session.id": outer}, end_ns=EPOCH_NS + 10**16),
            stored_span(2, 1, at=1, attributes={"session.id": inner}),
            call(3, 2, at=1, attributes={"session.id": inner}, failed=True),
            call(4, 1, at=10**6, model="nobody-knows-it", attributes={"session.id": outer}),
            call(5, 1, at=10**6, tokens=(7, 3), attributes={"session.id": outer}),
            call(1, None, trace_id=2, at=10**6, attributes={"session.id": "third"}),
        ]
        with History() as history, History() as alone:
            for one in counted(spans):
                history.add(one.parts, [one.trace], one.calls)
            before = history.rows(f"{figures} traces ORDER BY trace_id")
            _sum_up(history._writer(), [f"{number:032x}" for number in (1, 2)])
            assert before == history.rows(f"{figures} traces ORDER BY trace_id")
            assert 1 == history.forget_before(datetime.fromtimestamp(EPOCH_NS / 1e9 + 1000, timezone.utc))
            sums = "SELECT sum(cost), sum(tokens), sum(errors), sum(unpriced), sum(model_events) FROM "
            assert history.rows(f"{sums} sessions") == history.rows(f"{sums} traces")
            [first, second] = history.rows(f"{figures} traces ORDER BY trace_id")
            assert second == before[1]
            assert first != before[0]
            alone.add([part for one in counted(spans) for part in one.parts if part.session_id == outer], [], [])
            alone.recount()
            assert [first] == alone.rows(f"{figures} sessions")
