"""Two policies of release: roots leave at once, or ask first what other processes have.

Without a store a root has to wait for parts of this process only.  With one, parts and roots are
written to it for the other processes of the same traces, and a root that begins a trace waits
until it has read what these have.  What is to be written is returned.  Nothing is where another
processor of this process reports the root (`claims`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Protocol

from otel_session_agg._model.rollup import NOTHING, Rollup
from otel_session_agg._sessions.distributed_trace import writer_of
from otel_session_agg._sessions.released_root import is_published_elsewhere, reported_of
from otel_session_agg._sharing.encoding import encode_part
from otel_session_agg._sharing.keys import ROOT, SlotWrite, inclusion, reassignment, trace_key
from otel_session_agg._sharing.parts import Part, RemoteParts
from otel_session_agg._trace.trace import Trace
from otel_session_agg.stores.base import Slot

Rollups = Mapping["str | None", Rollup]
"""Totals by session; ``None``: no session is known."""


class ReleasePolicy(Protocol):
    """What the release of a root needs of other processes, and what these get of it."""

    known: RemoteParts | None
    """What they have when a root ends; ``None``: they have to be asked."""

    def part(
        self, trace: Trace, session_id: str | None, rollups: Rollups, *, is_open: bool
    ) -> Sequence[SlotWrite]:
        """Write a root whose parent is in another process, when it began or has left."""
        ...

    def retraction(self, trace: Trace) -> Sequence[SlotWrite]:
        """Close the part of a root that turned out to be none, as its parent came.

        No process has to wait for that part.
        """
        ...

    def root(
        self,
        trace: Trace,
        session_id: str | None,
        rollup: Rollup,
        carried: Mapping[str, int] | None = None,
        *,
        looks: bool,
    ) -> Sequence[SlotWrite]:
        """Write a root that begins a trace, when it has ended or has changed later.

        Args:
            trace: The trace.
            session_id: The session of the trace; ``None``: none is known.
            rollup: What a session has to get if the trace turns out to be in one.
            carried: The parts that the root carries, with the ``seq`` of each; ``None`` when it
                is too late for that.
            looks: Whether to look for parts that it does not carry.

        """
        ...

    def reassignments(
        self, session_id: str, trace: Trace, parts: Iterable[tuple[str, Part]]
    ) -> Sequence[SlotWrite]:
        """Write parts that named no session, by writer, to the session of the root."""
        ...


class AtOnce:
    """There is no store, so no other process has anything."""

    known: RemoteParts | None = RemoteParts((), is_reached=True)

    def part(self, *_: object, **__: object) -> Sequence[SlotWrite]:
        """Write nothing."""
        return ()

    def retraction(self, trace: Trace) -> Sequence[SlotWrite]:
        """Write nothing."""
        trace.demoted_id = None
        return ()

    def root(self, *_: object, **__: object) -> Sequence[SlotWrite]:
        """Write nothing."""
        return ()

    def reassignments(self, *_: object) -> Sequence[SlotWrite]:
        """Write nothing."""
        return ()


class AskFirst:
    """There is a store: others are asked before a root leaves.

    ``texts``: whether the last output and the text of the last error of parts are written, too.
    """

    known: RemoteParts | None = None

    def __init__(self, *, texts: bool) -> None:
        self._texts = texts

    def part(
        self, trace: Trace, session_id: str | None, rollups: Rollups, *, is_open: bool
    ) -> Sequence[SlotWrite]:
        """Write the totals of a part under one session: each of its sessions has its own."""
        if is_published_elsewhere(trace):
            return ()
        reported = reported_of(trace)
        reported.num_published += 1
        part = Part(
            {session_id: reduce(add, rollups.values())} if rollups else {},
            is_open,
            root=False,
            session_id=session_id,
            seq=reported.num_published,
            is_unsampled=not trace.is_sampled,
        )
        part_of = trace.trace_id if None in part.rollups else None
        return (self._write(trace, writer_of(trace), part, part_of),)

    def retraction(self, trace: Trace) -> Sequence[SlotWrite]:
        """Write that the part is empty and closed."""
        span_id, trace.demoted_id = trace.demoted_id, None
        seq = trace.reported.num_published + 1 if trace.reported is not None else 1
        if span_id is None or seq == 1:
            return ()
        part = Part({}, is_open=False, root=False, session_id=None, seq=seq)
        return (self._write(trace, f"{span_id:016x}", part),)

    def root(
        self,
        trace: Trace,
        session_id: str | None,
        rollup: Rollup,
        carried: Mapping[str, int] | None = None,
        *,
        looks: bool,
    ) -> Sequence[SlotWrite]:
        """Write the root, with the names of what it carries."""
        if is_published_elsewhere(trace):
            return ()
        reported = reported_of(trace)
        seq = reported.num_published = reported.num_published + 1
        included: tuple[str, ...] = ()
        if carried is not None:
            included = tuple([inclusion(*row) for row in {**carried, ROOT: seq}.items()])
        # a session has got the rollup already
        own: dict[str | None, Rollup] = {None: NOTHING if session_id is not None else rollup}
        part = Part(
            own,
            is_open=False,
            root=True,
            session_id=session_id,
            seq=seq,
            included=included,
            is_unsampled=not trace.is_sampled,
        )
        return (self._write(trace, ROOT, part, trace.trace_id if looks else None),)

    def reassignments(
        self, session_id: str, trace: Trace, parts: Iterable[tuple[str, Part]]
    ) -> Sequence[SlotWrite]:
        """Write the parts that named no session."""
        if is_published_elsewhere(trace):
            return ()
        return [
            SlotWrite(reassignment(session_id, trace.trace_id, writer, part))
            for writer, part in parts
            if None in part.rollups
        ]

    def _write(
        self, trace: Trace, writer: str, part: Part, part_of: int | None = None
    ) -> SlotWrite:
        value = encode_part(part, texts=self._texts)
        return SlotWrite(Slot(trace_key(trace.trace_id), writer, part.seq, value), part_of=part_of)
