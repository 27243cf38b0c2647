"""Sessions that are over are forgotten as a whole."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from otel_session_agg._history.history import History
from otel_session_agg._history.tables import TABLES
from tests.support.histories import one_trace

_AT = datetime(2026, 1, 13, tzinfo=timezone.utc)


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
