"""What live counting does, step by step and without a clock; recordings as requests."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import Any

from otel_session_agg._history.tables import KEPT, TABLES
from otel_session_agg._history.writable import WritableHistory
from otel_session_agg._live.counting import LiveWork
from otel_session_agg._live.open_traces import OpenTraces
from otel_session_agg._live.recalling import latest_spans
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._offline.options import Options
from otel_session_agg._reading.span import read
from tests.support.otlp_files import in_json, in_protobuf

KEEPING = Options(tables=KEPT)


class Ending(Options):
    """Options with which a span that has an attribute ``ends`` ends the process that reads it, as want of memory would."""

    @property
    def reads(self) -> Callable[[SpanData], Reading]:
        """The function that returns what a span states."""
        return _read_or_end


def _read_or_end(span: SpanData) -> Reading:
    if "ends" in span.attributes:
        os.kill(os.getpid(), signal.SIGKILL)
    return read(span)


def requests(spans: Sequence[SpanData], random: Random, most: int = 40) -> Iterator[bytes]:
    """Spans in requests of some size, in both forms."""
    at = 0
    while at < len(spans):
        size = random.randint(1, most)
        yield random.choice((in_json, in_protobuf))(spans[at : at + size])
        at += size


def twice(spans: Sequence[SpanData], random: Random) -> list[SpanData]:
    """Spans in any order, a tenth of them twice."""
    return random.sample(spans, len(spans)) + random.sample(spans, len(spans) // 10)


class Steps:
    """Live counting into a history, at times that are given."""

    def __init__(self, history: WritableHistory, max_bytes: int = 1 << 30) -> None:
        self.history = history
        self.work = LiveWork(KEEPING, OpenTraces(max_bytes))
        self.now = 0.0
        self.number = self.done = 0
        self.contents: list[bytes] = []
        self.num_counted = 0
        self.share = 0

    def take(self, *contents: bytes, seconds: float = 0.0) -> None:
        """Take requests, each so long after the one before."""
        for content in contents:
            self.now += seconds
            self.number += 1
            self.contents.append(content)
            self.work.take(self.number, content, self.now)
            self.count()

    def count(self) -> None:
        """Count what is due."""
        wanted = self.work.traces.unasked()
        if wanted:
            self.work.take_stored(wanted, list(self.history.stored_spans(wanted)))
        while (rows := self.work.count(self.now)) is not None:
            if rows.prepared.trace_ids:
                self.history.add_prepared(rows.prepared)
                self.history.recount()
            self.done = rows.done
            self.num_counted += rows.num_new
            self.share += rows.share
            self.count()

    def wait(self, seconds: float) -> None:
        """Let time pass, and count what is due then."""
        self.now += seconds
        self.count()

    def restart(self) -> None:
        """Go on with another process, which knows what the history has, and gets what is not counted."""
        self.work = LiveWork(KEEPING)
        self.work.recall(latest_spans(self.history))
        for number in range(self.done + 1, self.number + 1):
            self.work.take(number, self.contents[number - 1], self.now)

    def finish(self) -> None:
        """Count all."""
        while self.work.traces.first_number() is not None:
            self.work.traces.all_new(self.now)
            self.wait(0.02)


def tables(history: WritableHistory) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    return {table.name: history.rows(f"FROM {table.name} ORDER BY ALL") for table in TABLES}


def differing(one: dict[str, list[tuple[Any, ...]]], other: dict[str, list[tuple[Any, ...]]]) -> Iterable[object]:
    """The rows in which tables differ."""
    return [row for name in one for row in set(map(repr, one[name])) ^ set(map(repr, other[name]))]
