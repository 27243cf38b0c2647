"""Sessions that grow are summed up from what is new in them."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from otel_session_agg._history.database import HistoryError
from otel_session_agg._history.growing_sums import GrowingSums
from otel_session_agg._history.history import History
from otel_session_agg._history.prepared import prepared
from otel_session_agg._history.recounting import decoded
from otel_session_agg._model.session_totals import SessionTotals
from tests.support.histories import one_trace


@pytest.fixture
def history() -> Iterator[History]:
    """A history."""
    with History() as made:
        yield made


class Reads:
    """Reads parts, and counts them."""

    number = 0

    def __call__(self, text: str) -> SessionTotals:
        """Read one."""
        self.number += 1
        return decoded(text)


def _rows(history: History) -> list[tuple[object, ...]]:
    return [*history.rows("FROM sessions ORDER BY ALL"), *history.rows("FROM breakdown ORDER BY ALL")]


def _add_parts(history: History, number: int, session: str, times: int = 1) -> None:
    """Add a trace, or feedback that was given outside of it so many times."""
    parts, traces, calls = one_trace(number, session)[:3]
    history.add([*parts] * times, traces, calls)


def _take_away(history: History, number: int, session: str) -> None:
    """Delete what a trace adds to sessions, as `forget_before` does."""
    writer = history._writer()
    writer.execute("DELETE FROM internal.parts WHERE trace_id = ?", [f"{(7 << 64) + number:032x}"])
    writer.execute("INSERT INTO internal.stale VALUES (?)", [session])


class TestSame:
    """Sums are those of all parts, whatever is done to a history."""

    @pytest.mark.parametrize("seed", range(2))
    def test_anything(self, history: History, seed: int) -> None:
        """After traces came, came again, changed and went, all rows are as when everything is summed up."""
        random, sums = Random(seed), GrowingSums(max_parts=20)  # noqa: S311 -- repeatable
        with History() as other:
            for number in range(12):
                for one in (history, other):
                    _add_parts(one, number, "s0")
            for _ in range(10):
                number, session = random.randrange(16), f"s{random.randrange(4) // 3}"
                for one in (history, other):
                    _add_parts(one, number, session, times=1 + number % 2)
                    if number % 7 == 3:
                        _take_away(one, number, session)
                history.recount(sums=sums)
                other.recount()
                assert _rows(other) == _rows(history)
        assert sums._num_parts <= 20

    def test_in_one_transaction(self, history: History) -> None:
        """Traces and the sessions that change by them are written together, or not at all."""
        sums, names = GrowingSums(), ["s0", "s1"]
        with History() as other:
            for number in (*range(12), 3, 11):
                given = prepared(*one_trace(number, names[number // 7])[:3])
                history.add_counted(given, names[:1], sums)
                other.add_prepared(given, given.sessions)
                other.recount(open_sessions={*given.sessions, "s0"})
                assert _rows(other) == _rows(history)
        history._writer().execute("UPDATE internal.parts SET totals = '{}' WHERE session = 's0'")
        before = _rows(history)
        with pytest.raises(HistoryError, match="damaged"):
            history.add_counted(prepared(*one_trace(20, "s0")[:3]), (), GrowingSums())
        assert before == _rows(history)
        assert [(12,)] == history.rows("SELECT count(*) FROM traces")

    def test_new_only(self, history: History) -> None:
        """A trace that comes into a session, or comes again as another one, is read once; no other one is."""
        sums, reads = GrowingSums(), Reads()
        for number in range(20):
            _add_parts(history, number, "s")
        for number in (*range(20, 25), *[24] * 3):
            _add_parts(history, number, "s")
            reads.number = 0
            [(name, totals)] = sums.totals(history._writer(), ["s"], reads)
            assert ("s", number + 1) == (name, totals.num_traces)
            assert reads.number <= (1 if number > 20 else 21), number

    def test_few(self, history: History) -> None:
        """The same in a session of few traces."""
        sums, reads = GrowingSums(), Reads()
        for number in range(6):
            _add_parts(history, number, "s")
            reads.number = 0
            [(_, totals)] = sums.totals(history._writer(), ["s"], reads)
            assert (number + 1, 1) == (totals.num_traces, reads.number)

    def test_bound(self, history: History) -> None:
        """Of many sessions those are remembered that got something last, and of one with many new traces some of these."""
        sums, reads = GrowingSums(max_totals=150), Reads()
        for number in range(130):
            _add_parts(history, number, "large" if number else "small")
        expected = {"small": 1, "large": 129}
        assert expected == {name: totals.num_traces for name, totals in sums.totals(history._writer(), ["small", "large"], reads)}
        assert sums._num_totals <= 150
        for _ in range(3):
            assert expected == {
                name: totals.num_traces for name, totals in sums.totals(history._writer(), ["small", "large"], reads)
            }
        assert sums._num_totals == 2 * 1
