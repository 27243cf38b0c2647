"""Spans on disk."""

from __future__ import annotations

import pickle
import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import pytest

from otel_session_agg import SessionAggError
from otel_session_agg._model.span import SpanData, SpanEvent
from otel_session_agg._offline import spool as module
from otel_session_agg._offline.records import RecordReader, records_of
from otel_session_agg._offline.root_attributes import OnRoot
from otel_session_agg._offline.root_table import RootTable
from otel_session_agg._offline.spool import Batch, Reader, Spool, Writer
from tests.support.offline import EPOCH_NS, call, stored_span

_KEYS = frozenset({"service.name"})
_SECOND_NS = 10**9


def _batches(folder: Path, *parts: list[SpanData]) -> list[Batch]:
    """What is read again of spans that were written by several processes."""
    spool = Spool(folder)
    for part in parts:
        writer = Writer(folder)
        spool.add(writer.add(records_of(part, {"service.name": "shop", "other": 1}, _KEYS)))
        writer.close()
    spool.num_traces()
    found = list(spool.batches())
    spool.close()
    return found


def _spans(batches: list[Batch]) -> list[list[SpanData]]:
    reader, records = Reader(), RecordReader()
    found = [[row.span for place in trace for row in records.read(reader.read(place))] for batch in batches for trace in batch]
    reader.close()
    return found


class TestOrder:
    """What is read again."""

    def test_traces(self, tmp_path: Path) -> None:
        """Each trace comes with all of its spans, wherever they were, in the order in which traces began."""
        spans = [
            stored_span(span_id, 1, trace_id=trace_id << 90, at=100 - trace_id)
            for trace_id in range(1, 30)
            for span_id in (2, 3, 4)
        ]
        mixed = Random(1).sample(spans, len(spans))  # noqa: S311 -- repeatable
        found = _spans(_batches(tmp_path, mixed[:40], mixed[40:41], mixed[41:]))
        assert [trace_id << 90 for trace_id in range(29, 0, -1)] == [trace[0].trace_id for trace in found]
        assert all({2, 3, 4} == {span.span_id for span in trace} for trace in found)

    def test_whole(self, tmp_path: Path) -> None:
        """Nothing of a span is lost, and of its resource what is asked for stays."""
        span = call(2, 1, events=(SpanEvent("e", {"k": (1, b"x")}, 5),), failed=True, is_part=True, trace_id=2**128 - 1)
        [[[place]]] = _batches(tmp_path, [span])
        reader = Reader()
        [found] = RecordReader().read(reader.read(place))
        reader.close()
        assert (span, {"service.name": "shop"}) == (found.span, found.resource.attributes)

    def test_resource_is_shared(self) -> None:
        """Spans of one resource have the same object, by which it is known again."""
        spans = [stored_span(1), stored_span(2), stored_span(3, trace_id=7)]
        records, reader = records_of(spans, {"service.name": "a"}, _KEYS), RecordReader()
        rows = [row for record in records for row in reader.read(record.data)]
        assert spans == [row.span for row in rows]
        assert 1 == len({id(row.resource) for row in rows})

    def test_together(self) -> None:
        """Spans of one trace that come together are one record, with all of their time."""
        spans = [stored_span(1, at=5, trace_id=7), stored_span(1, at=1, trace_id=8), stored_span(2, 1, at=2, trace_id=7)]
        first, second = records_of(spans, {}, _KEYS)
        assert (7, 2, spans[2].start_ns, spans[0].end_ns) == first[:4]
        assert (8, 1, spans[1].start_ns, spans[1].end_ns) == second[:4]

    @pytest.mark.parametrize("times", [(-5, 2**80), (2**80, -1)])
    def test_impossible_times(self, tmp_path: Path, times: tuple[int, int]) -> None:
        """Times that no clock has are kept as they are."""
        span = stored_span(1, start_ns=times[0], end_ns=times[1])
        assert [[span]] == _spans(_batches(tmp_path, [span]))


class TestBatches:
    """What is counted together."""

    def test_pause(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A batch ends where no trace is open."""
        monkeypatch.setattr(module, "BATCH_SPANS", 2)
        starts = (0, 0.5, 1.2, 10, 11)  # the first three overlap
        spans = [stored_span(1, trace_id=number + 1, at=at) for number, at in enumerate(starts)]
        assert [3, 2] == [len(batch) for batch in _batches(tmp_path, spans)]

    @pytest.mark.parametrize(("most", "expected"), [(10**9, [2, 1, 1]), (1, [1, 1, 1, 1])])
    def test_long_texts(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, expected: list[int]) -> None:
        """It ends there after so many bytes, too, and after more of them wherever that is."""
        monkeypatch.setattr(module, "BATCH_BYTES", 10_000)
        monkeypatch.setattr(module, "_MOST_BYTES", most)
        starts = (0, 0.5, 10, 20)  # the first two overlap
        spans = [
            stored_span(1, trace_id=number + 1, at=at, attributes={"input.value": "x" * 20_000})
            for number, at in enumerate(starts)
        ]
        assert expected == [len(batch) for batch in _batches(tmp_path, spans)]

    def test_no_pause(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It ends all the same when none comes for long."""
        monkeypatch.setattr(module, "BATCH_SPANS", 2)
        monkeypatch.setattr(module, "_MOST_SPANS", 8)
        spans = [
            stored_span(1, trace_id=number + 1, start_ns=EPOCH_NS + number, end_ns=EPOCH_NS + _SECOND_NS) for number in range(20)
        ]
        assert [8, 8, 4] == [len(batch) for batch in _batches(tmp_path, spans)]


@contextmanager
def _files_of(size: int) -> Iterator[None]:
    """Let no file get larger than this, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class TestFull:
    """A disk that is full: the error names the folder, and where else temporary files may be."""

    def test_writer(self, tmp_path: Path) -> None:
        """Spans that cannot be put aside are an error that can go to another process."""
        records = records_of([call(1, None, attributes={"note": "x" * 100_000})], {}, _KEYS)
        with closing(Writer(tmp_path)) as writer, pytest.raises(SessionAggError, match="TMPDIR") as raised, _files_of(10_000):
            writer.add(records)
        assert str(tmp_path) in str(raised.value)
        assert str(raised.value) == str(pickle.loads(pickle.dumps(raised.value)))  # noqa: S301

    def test_roots(self, tmp_path: Path) -> None:
        """So is what is to be written on roots."""
        rows = [OnRoot(1, number, {"note": "x" * 1000}) for number in range(10_000)]
        with closing(RootTable(tmp_path)) as table, pytest.raises(SessionAggError, match="TMPDIR"), _files_of(10_000):
            table.add(rows)
