"""What is done in every process of a replay: decode frames, count traces."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from otel_session_agg._history.prepared import Prepared, prepared
from otel_session_agg._offline.counter import CountedTrace, Feedback, TraceCounter
from otel_session_agg._offline.options import Options
from otel_session_agg._offline.records import RecordReader, records_of
from otel_session_agg._offline.root_attributes import OnRoot
from otel_session_agg._offline.spool import Batch, Index, Reader, Writer
from otel_session_agg._otlp.batches import Frame, Problem, Report
from otel_session_agg._otlp.formats import FORMATS, frames
from otel_session_agg._otlp.sources import Source

_TASK_BYTES = 2_000_000
"""Bytes of frames that are decoded together."""

_TASK_FRAMES = 2_000


class Frames(NamedTuple):
    """Pieces of one file that are decoded together."""

    source: str
    """The name of the file."""
    format: str
    frames: list[Frame]


def tasks_of(source: Source, form: str | None, report: Report) -> Iterator[Frames]:
    """Cut a file into what is decoded together; ``form``: the name of its format, if known."""
    task: list[Frame] = []
    size, name = 0, ""
    for found, frame in frames(source, report, form):
        task.append(frame)
        size, name = size + len(frame.data), found.name
        if size >= _TASK_BYTES or len(task) >= _TASK_FRAMES:
            yield Frames(source.name, name, task)
            task, size = [], 0
    if task:
        yield Frames(source.name, name, task)


class Decoded(NamedTuple):
    """What came of them."""

    written: Index | None
    """``None``: there are no spans."""
    num_spans: int
    problems: list[Problem]


class Counted(NamedTuple):
    """What the traces of a batch came to."""

    rows: Prepared
    on_roots: list[OnRoot]
    num_spans: int


class Work:
    """The state of one process.

    Args:
        folder: Where spans are put aside.
        options: How they are read and priced.

    """

    def __init__(self, folder: Path, options: Options) -> None:
        self._folder, self._options = folder, options
        self._keys, self._taken = options.resource_keys, options.taken
        self._prices = options.price_book()
        self._writer: Writer | None = None
        self._reader, self._records = Reader(), RecordReader()

    def decode(self, task: Frames) -> Decoded:
        """Decode frames, and put their spans aside."""
        problems: list[Problem] = []

        def report(place: str, what: str) -> None:
            problems.append(Problem(task.source, place, what))

        decode, records = FORMATS[task.format].decode, []
        for frame in task.frames:
            for batch in decode(frame, report):
                records += records_of(self._taken(batch.spans), batch.resource, self._keys)
        if not records:
            return Decoded(None, 0, problems)
        self._writer = self._writer or Writer(self._folder)
        num_spans = sum(record.num_spans for record in records)
        return Decoded(self._writer.add(records), num_spans, problems)

    def count(self, batch: Batch) -> Counted:
        """Count the traces of a batch."""
        gc.collect(0)  # what is left of the batch before; it does not run by itself
        counter = TraceCounter(self._options, self._prices)
        read, pread = self._records.read, self._reader.read
        for trace in batch:
            spans = read(pread(trace[0]))
            for place in trace[1:]:
                spans += read(pread(place))
            counter.add(spans)
        tables = self._options.tables
        if not self._options.with_traces:
            parts = [*counter.sessions(), *(one.part for one in counter.feedback())]
            return Counted(prepared(parts, [], [], tables=tables), [], counter.num_spans)
        return counted_of(list(counter.results()), counter.feedback(), self._options)

    def close(self) -> None:
        """Close all files."""
        self._reader.close()
        if self._writer is not None:
            self._writer.close()


def counted_of(
    found: Sequence[CountedTrace], feedback: Iterable[Feedback], options: Options
) -> Counted:
    """Return what traces came to, and feedback outside of any, ready to be written."""
    outside = list(feedback)
    kept = (one.span for one in outside) if options.with_spans else ()
    return Counted(
        prepared(
            [*(part for one in found for part in one.parts), *(one.part for one in outside)],
            [one.trace for one in found],
            [call for one in found for call in one.calls],
            [*(span for one in found for span in one.spans), *kept],
            tables=options.tables,
        ),
        [root for one in found for root in one.on_roots],
        sum(one.trace.num_spans for one in found),
    )


_work: list[Work] = []
"""The state of a process that does nothing else."""


def start(folder: Path, options: Options) -> None:
    """Prepare a process for this work."""
    prepare_process()
    _work[:] = [Work(folder, options)]


def prepare_process() -> None:
    """Let this process end with the one that started it, and by nothing else, such as Ctrl-C.

    Nothing collects garbage in it any more: what is counted is let go of batch by batch.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    gc.disable()


def _end_with_parent() -> None:
    """End this process when the one that started it was killed, and cannot end it any more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def decode(task: Frames) -> Decoded:
    """Decode frames in such a process."""
    return _work[0].decode(task)


def count(batch: Batch) -> Counted:
    """Count a batch in such a process."""
    return _work[0].count(batch)
