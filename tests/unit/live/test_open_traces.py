"""When traces are counted."""

from __future__ import annotations

from otel_session_agg._live.open_traces import MOST_REST_SECONDS, OpenTraces
from otel_session_agg._offline.records import Record


def _record(trace_id: int, number: int, num_spans: int = 1, size: int = 100) -> Record:
    return Record(trace_id, num_spans, number, number + 1, number.to_bytes(8, "big") * (size // 8))


def _whole(traces: OpenTraces) -> OpenTraces:
    traces.add_stored(traces.unasked(), ())
    return traces


def _due(traces: OpenTraces, now: float, most: int = 10**9) -> list[int]:
    found = traces.due(now, most)
    traces.counted(found, now)
    return [trace.trace_id for trace in found]


class TestDue:
    """When a trace is counted."""

    def test_quiet(self) -> None:
        """A moment after its last span; each by itself."""
        traces = OpenTraces()
        traces.add(1, [_record(1, 1)], 10, 0.0)
        traces.add(2, [_record(1, 2), _record(2, 1)], 10, 0.25)
        _whole(traces)
        assert [] == _due(traces, 0.4)
        assert [1, 2] == _due(traces, 0.56)
        assert [] == _due(traces, 9.0)

    def test_most(self) -> None:
        """A second after the first span that is not counted, though others keep coming."""
        traces = OpenTraces()
        counted = []
        for at in range(20):
            traces.add(at + 1, [_record(1, at)], 10, at / 10)
            counted += [at for _ in _due(_whole(traces), at / 10)]
        assert [10] == counted

    def test_asked_first(self) -> None:
        """Not before it is known what the history has of it."""
        traces = OpenTraces()
        traces.add(1, [_record(1, 1)], 10, 0.0)
        assert ([1], []) == (traces.unasked(), traces.unasked())
        assert [] == _due(traces, 5.0)
        traces.add_stored([1], [_record(1, 7)])
        [found] = traces.due(6.0, 1)
        assert (2, 1) == (len(found.records), found.num_new)

    def test_rests(self) -> None:
        """A large trace rests after it was counted: what it takes in all grows as it does, not with its square."""
        traces = OpenTraces()
        spans = now = seen = 0.0
        while now < 600:
            traces.add(1, [_record(1, int(now * 10), num_spans=50)], 10, now)
            spans += 50
            for trace in _whole(traces).due(now, 10**9):
                seen += trace.num_spans
                traces.counted([trace], now)
            now += 0.1
        assert spans < seen < spans * 40
        assert 600 / MOST_REST_SECONDS < seen

    def test_bounded(self) -> None:
        """So many spans at once; the others next, those that wait longest first."""
        traces = OpenTraces()
        for at in range(5):
            traces.add(at + 1, [_record(at + 1, 1, num_spans=10)], 10, at / 1000)
        _whole(traces)
        assert [[1, 2], [3, 4], [5], []] == [_due(traces, 1.0, 15) for _ in range(4)]

    def test_load(self) -> None:
        """When counting is late, traces rest longer, and less so when it is not any more."""
        traces = OpenTraces()
        now = 0.0
        for number, late in enumerate((5.0, 5.0, 0.4, 0.4), 1):
            traces.add(number, [_record(number, 1)], 10, now)
            _whole(traces)
            now += late
            assert 1 == len(_due(traces, now))
            assert (late > 1) == (traces.load in {2.0, 4.0})


class TestRequests:
    """Which requests are counted."""

    def test_first_number(self) -> None:
        """The first that has a span which is not."""
        traces = OpenTraces()
        traces.add(1, [_record(1, 1)], 10, 0.0)
        traces.add(2, [_record(2, 1)], 10, 0.1)
        traces.add(3, [_record(1, 2)], 10, 0.2)
        _whole(traces)
        assert 1 == traces.first_number()
        assert [2] == _due(traces, 0.45)
        assert 1 == traces.first_number()
        assert [1] == _due(traces, 0.6)
        assert traces.first_number() is None

    def test_repeated(self) -> None:
        """A request that comes again when it is counted needs no counting: its bytes are done."""
        traces = OpenTraces()
        assert 0 == traces.add(1, [_record(1, 1), _record(1, 2)], 10, 0.0)
        assert 0 == traces.add(2, [_record(1, 1)], 10, 0.1)
        assert [1] == _due(_whole(traces), 1.0)
        assert 20 == traces.add(3, [_record(1, 1), _record(1, 2)], 10, 1.1)
        assert [] == _due(traces, 9.0)


class TestMemory:
    """What is kept."""

    def test_dropped(self) -> None:
        """Counted traces that got nothing for longest are dropped, and asked for when they get something."""
        traces = OpenTraces(max_bytes=10_000)
        for at in range(4):
            traces.add(at + 1, [_record(at + 1, 1, size=4000)], 10, float(at))
            _due(_whole(traces), at + 0.5)
        assert traces.num_bytes <= 10_000
        assert (1, None) == (len(traces), traces.get(1))
        traces.add(9, [_record(1, 2)], 10, 9.0)
        assert [1] == traces.unasked()

    def test_not_counted(self) -> None:
        """What is not counted is never dropped."""
        traces = OpenTraces(max_bytes=10)
        traces.add(1, [_record(1, 1)], 10, 0.0)
        traces.add(2, [_record(2, 1)], 10, 5.0)
        _whole(traces)
        assert [1] == _due(traces, 5.0)
        assert [2] == _due(traces, 6.0)
        assert 0 == len(traces) == traces.num_bytes
