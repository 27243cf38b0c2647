"""Count the traces of files: the coordinator.

::

    paths -> Source -> Frame       this process              _otlp/sources.py, formats.py
    Frame -> SpanData -> Spool     all processes             _otlp/, records.py, spool.py
    Spool -> batches of traces     this process              spool.py
    batch -> Prepared rows         all processes             counter.py, with the engine of _trace/
    Prepared -> History            this process              _history/, a temporary or kept file

Memory does not grow with the input: spans wait on disk, and results are in DuckDB.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from copy import copy
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from otel_session_agg._exceptions import SessionAggError, SettingsError
from otel_session_agg._history.database import is_database
from otel_session_agg._history.history import History
from otel_session_agg._history.tables import COUNTED
from otel_session_agg._history.temporary import TemporaryFolder
from otel_session_agg._history.writable import WritableHistory
from otel_session_agg._model.span import SpanData
from otel_session_agg._offline.options import Options
from otel_session_agg._offline.progress import Progress, Replayed
from otel_session_agg._offline.records import Record, RecordReader, records_of
from otel_session_agg._offline.root_table import RootTable
from otel_session_agg._offline.source_spans import SourceSpan
from otel_session_agg._offline.spool import Batch, Reader, Spool, Writer
from otel_session_agg._offline.work import Frames, tasks_of
from otel_session_agg._offline.workers import SMALL_BYTES, Workers, num_cores
from otel_session_agg._otlp.batches import Problem
from otel_session_agg._otlp.formats import FORMATS
from otel_session_agg._otlp.sources import Source, readable_again, sources
from otel_session_agg._otlp.tables import batches_of_table, is_table
from otel_session_agg._untrusted.formatting import called

H = TypeVar("H", bound=WritableHistory)

Given = Any
"""A path, or a table of pandas, polars or pyarrow."""

_PUT_ASIDE_BYTES = 2_000_000
"""Bytes of stored spans that are put aside at once."""

_MAX_PROBLEMS = 1000
"""Problems that are kept; further ones are counted."""


class Replay(Generic[H]):
    """One replay of files into a history.

    Args:
        given: Files, patterns, folders; ``-``: standard input; tables of pandas and the like;
            kept histories, whose spans are read.
        history: Where results go; its traces that get more spans are counted again.
        options: How spans are read and priced.
        form: The name of the files' format; ``None``: found out for each file.
        processes: How many work; ``None``: one for each core, if there is enough to do.
        progress: Called often with how far it is.

    """

    def __init__(  # noqa: PLR0913 -- all that a replay can be given
        self,
        given: Iterable[Given],
        history: H,
        options: Options,
        *,
        form: str | None = None,
        processes: int | None = None,
        progress: Callable[[Progress], object] = lambda _: None,
    ) -> None:
        if form is not None and form not in FORMATS:
            message = f"there is no format {form!r}: use one of {', '.join(FORMATS)}"
            raise SessionAggError(message)
        rows = list(given)
        self._tables = [one for one in rows if not isinstance(one, (str, os.PathLike))]
        paths = [one for one in rows if isinstance(one, (str, os.PathLike))]
        self._kept_files = [Path(path) for path in paths if is_database(Path(path))]
        self._paths = [path for path in paths if Path(path) not in self._kept_files]
        self.options = options
        for table in self._tables:
            if options.with_roots or not is_table(table):
                what = "only files can be written again" if is_table(table) else "it is no path"
                message = f"{called(table)} cannot be replayed so: {what}"
                raise SettingsError(message)
        if self._kept_files and options.with_roots:
            message = f"{self._kept_files[0]} cannot be replayed so: only files of traces can"
            raise SettingsError(message)
        self.form, self._processes, self._show = form, processes, progress
        self._stops, self._num_batches = False, 0
        self._progress = Progress()
        self.history: H = history
        self.sources: list[Source] = []
        """What was read."""
        self.done = Replayed()
        self._exit = ExitStack()
        folder = TemporaryFolder()
        self._exit.callback(folder.close)
        self.folder = folder.path
        self._spool = Spool(self.folder)
        self._exit.callback(self._spool.close)
        self._roots = RootTable(self.folder) if options.with_roots else None
        if self._roots is not None:
            self._exit.callback(self._roots.close)

    def stop(self) -> None:
        """Read no more; what was read is counted, so that its results can be used."""
        self._stops = self.done.is_interrupted = True

    def run(self) -> None:
        """Read and count everything."""
        began = time.monotonic()
        found = self.sources = [self._kept(one) for one in sources(self._paths, self._report)]
        sizes = [source.size for source in found]
        known = [size for size in sizes if size is not None]
        self._progress.total_bytes = sum(known) if len(known) == len(sizes) else None
        with closing(
            Workers(self._num_processes(sum(known)), self.folder, self.options)
        ) as workers:
            self._read(found, workers)
            self._read_tables()
            self._read_kept()
            if self.options.with_spans:
                self._add_stored()
            self._count(workers)
        self.done.seconds = time.monotonic() - began

    def count_again(
        self: Replay[History],
        history: History,
        options: Options,
        progress: Callable[[Progress], object],
        most: int | None = None,
    ) -> None:
        """Count the spans that `run` read into another history; for a copy of the replay.

        ``most``: batches that are counted; ``None``: all of them.
        """
        self.history, self.options, self.done = history, options, replace(self.done)
        self._progress, self._show, self._roots = Progress(), progress, None
        number = self._num_processes(sum(source.size or 0 for source in self.sources))
        with closing(Workers(number, self.folder, options)) as workers:
            self._count(workers, most)

    def with_tables(self: Replay[History], names: frozenset[str]) -> History:
        """Return a history in which these tables are filled, as far as spans come to them.

        Where they were left out, all that was counted is counted again, once.
        """
        if not names & COUNTED <= self.options.tables:
            again, options = copy(self), replace(self.options, tables=COUNTED, with_roots=False)
            history = self._exit.enter_context(History())
            again.count_again(history, options, lambda _: None, self._num_batches)
            self.history = history  # results of the other one may still be read
            self.options = replace(self.options, tables=COUNTED)
        return self.history

    def _kept(self, source: Source) -> Source:
        """Return a source that can be read twice, where roots are to be written."""
        if self._roots is None:
            return source
        report = partial(self._report_at, source.name)
        return readable_again(source, self.folder, report, lambda: self._stops)

    def on_root(self, trace_id: int, span_id: int) -> Mapping[str, Any] | None:
        """Return what is to be changed on a span, after `run`; ``None``: nothing is."""
        return None if self._roots is None else self._roots.get(trace_id, span_id)

    def spans_of(self, trace_id: int) -> list[SourceSpan]:
        """Return the spans of one trace, after `run`."""
        reader, records = Reader(), RecordReader()
        with closing(reader):
            places = self._spool.places(trace_id)
            return [span for place in places for span in records.read(reader.read(place))]

    def close(self) -> None:
        """Remove what is on disk for it; the history stays open."""
        self._exit.close()

    def _num_processes(self, size: int) -> int:
        if self._processes is not None:
            return max(1, self._processes)
        return 1 if size < SMALL_BYTES else num_cores()

    def _report(self, problem: Problem) -> None:
        self.done.num_problems += 1
        if len(self.done.problems) < _MAX_PROBLEMS:
            self.done.problems.append(problem)

    # -- reading --------------------------------------------------------------------------------

    def _read(self, found: Sequence[Source], workers: Workers) -> None:
        for decoded in workers.decode(self._tasks(found)):
            for problem in decoded.problems:
                self._report(problem)
            if decoded.written is not None:
                self._spool.add(decoded.written)
            self.done.num_spans += decoded.num_spans
            self._progress.num_spans = self.done.num_spans
            self._show(self._progress)

    def _tasks(self, found: Sequence[Source]) -> Iterator[Frames]:
        read = 0
        for source in found:
            report = partial(self._report_at, source.name)
            for task in tasks_of(source, self.form, report):
                self._progress.done_bytes = read + source.position()
                yield task
                if self._stops:
                    return
            read += source.position()
            self.done.num_files += 1
            self._progress.num_files, self._progress.done_bytes = self.done.num_files, read

    def _read_tables(self) -> None:
        """Read tables of pandas and the like, which are in this process only."""
        keys, taken = self.options.resource_keys, self.options.taken
        with closing(Writer(self.folder)) as writer:
            for number, table in enumerate(self._tables, 1):
                report = partial(self._report_at, f"table {number}")
                for batch in batches_of_table(table, report):
                    records = records_of(taken(batch.spans), batch.resource, keys)
                    self._spool.add(writer.add(records))
                    self.done.num_spans += len(batch.spans)

    def _report_at(self, source: str, place: str, what: str) -> None:
        self._report(Problem(source, place, what))

    def _read_kept(self) -> None:
        """Read the spans of histories that were kept."""
        for path in self._kept_files:
            with History(path, read_only=True) as kept, closing(Writer(self.folder)) as writer:
                self.done.num_spans += self._add_spans(writer, kept.stored_spans())
                self.done.num_files += 1

    def _add_stored(self) -> None:
        """Add what the history has of the traces that get more spans."""
        with closing(Writer(self.folder)) as writer:
            for trace_ids in self._spool.trace_ids():
                self._add_spans(writer, self.history.stored_spans(trace_ids))

    def _add_spans(
        self, writer: Writer, spans: Iterator[tuple[SpanData, Mapping[str, Any]]]
    ) -> int:
        """Add stored spans; return how many there were."""
        number, keys, taken = 0, self.options.resource_keys, self.options.taken
        records: list[Record] = []
        num_bytes = 0
        for span, resource in spans:
            [record] = records_of(taken([span]), resource, keys)
            records.append(record)
            number, num_bytes = number + 1, num_bytes + len(record.data)
            if num_bytes >= _PUT_ASIDE_BYTES:
                self._spool.add(writer.add(records))
                records, num_bytes = [], 0
        if records:
            self._spool.add(writer.add(records))
        return number

    # -- counting -------------------------------------------------------------------------------

    def _count(self, workers: Workers, most: int | None = None) -> None:
        progress, self._num_batches = self._progress, 0
        self.done.num_traces = self._spool.num_traces()
        progress.phase, progress.num_spans = "counting", 0
        progress.total_spans = self._spool.num_spans
        for counted in workers.count(islice(self._batches(), most)):
            self.history.add_prepared(counted.rows)
            self._num_batches += 1
            if self._roots is not None:
                self._roots.add(counted.on_roots)
            progress.num_spans += counted.num_spans
            self.done.num_counted = progress.num_spans
            self._show(progress)
        self.done.num_forgotten = self.history.recount_kept(workers.map)

    def _batches(self) -> Iterator[Batch]:
        was_stopped = self._stops  # while reading: all that was read is counted
        for batch in self._spool.batches():
            yield batch
            if self._stops and not was_stopped:
                return
