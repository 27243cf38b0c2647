"""What is prepared elsewhere is what is written."""

from __future__ import annotations

import pickle

import pytest

from otel_session_agg._history.history import History
from otel_session_agg._history.prepared import prepared
from otel_session_agg._history.tables import TABLES
from tests.support.histories import many, one_trace


class TestPrepared:
    """``prepared`` and ``add_prepared``."""

    def test_elsewhere(self) -> None:
        """It goes from one process to another, and is written as if it had not."""
        facts = many(20, 7)
        with History() as here, History() as there:
            here.add(*facts)
            there.add_prepared(pickle.loads(pickle.dumps(prepared(*facts))))  # noqa: S301 -- our own
            for table in TABLES:
                sql = f"SELECT * FROM {table.name} ORDER BY ALL"  # noqa: S608
                assert here.rows(sql) == there.rows(sql)
                assert here.rows(sql)

    @pytest.mark.parametrize("first", [0, 1])
    def test_known_sessions(self, first: int) -> None:
        """Of a session that is known, the rows that were prepared are not written."""
        both = [prepared(*one_trace(number, "s")) for number in range(2)]
        with History() as history:
            history.add_prepared(both[first])
            history.add_prepared(both[1 - first])
            history.add_prepared(prepared(*one_trace(2, "t")))
            history.recount()
            assert [("s", 2), ("t", 1)] == history.rows("SELECT session, traces FROM sessions ORDER BY session")
            assert [(8,)] == history.rows("SELECT count(*) FROM breakdown")

    def test_nothing(self) -> None:
        """Nothing can be written, too."""
        with History() as history:
            history.add_prepared(prepared([], [], []))
            assert [(0,)] == history.rows("SELECT count(*) FROM traces")
