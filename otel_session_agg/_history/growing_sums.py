"""Sums of sessions that grow: a new trace is added to them, the other ones are not summed up again.

How it works
------------
* Of each session it is remembered which parts have been summed up, by digests of what they say, and
  their sum.  The file is asked for the digests each time: whatever has happened to it meanwhile, a
  sum is used only if all parts of it are there as they were.
* A part is in that sum once it was the same twice: a trace that is counted again and again while it
  grows is kept out of it, and added for itself; it is remembered, too, so that it is read once.
* Sessions are not remembered that have got nothing for longest, of too many.

The sums are as exact as those of all parts: totals are a commutative monoid.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import NamedTuple

from otel_session_agg._history.columns import of_rows
from otel_session_agg._history.database import Connection
from otel_session_agg._model.session_sums import sum_of_totals
from otel_session_agg._model.session_totals import SessionTotals

_MAX_PARTS = 200_000
"""Digests of parts that are remembered, of all sessions: 60 MB."""
_MAX_TOTALS = 10_000
"""Sums, and parts that are in none, that are remembered of all sessions: 60 MB."""
_MAX_OTHERS = 100
"""Parts that are in no sum, that are remembered of one session; further ones are read again."""
_ROWS = 1000
"""Parts that are in memory at once."""

_IS_OF_SESSION = of_rows("internal.parts", "session IN (SELECT unnest(?::VARCHAR[]))")
_IS_PART = of_rows(
    "internal.parts", "(session, trace_id) IN (SELECT (unnest(?::VARCHAR[]), unnest(?::VARCHAR[])))"
)
_DIGESTS = f"""
SELECT session, trace_id, md5(string_agg(totals, '' ORDER BY totals)) FROM internal.parts
WHERE {_IS_OF_SESSION} GROUP BY session, trace_id
"""
"""A trace has several parts in a session when feedback was given outside of it."""
_PARTS = f"""
SELECT session, trace_id, totals FROM internal.parts WHERE {_IS_PART} ORDER BY session
"""

Digests = Mapping[str, str]
"""What parts say, by trace ids."""


class _Known(NamedTuple):
    """What is remembered of a session."""

    parts: Digests
    """All of its parts when it was summed up last."""
    settled: Digests
    """Those that are in the sum."""
    sum: SessionTotals
    others: Mapping[str, Sequence[SessionTotals]]
    """Those that are not, by trace ids."""

    @property
    def num_totals(self) -> int:
        """How many totals these are."""
        return 1 + sum(map(len, self.others.values()))


_NOTHING = _Known({}, {}, SessionTotals(), {})


class GrowingSums:
    """The sums of sessions of one file; for one thread at a time."""

    def __init__(self, max_parts: int = _MAX_PARTS, max_totals: int = _MAX_TOTALS) -> None:
        self._max_parts, self._max_totals = max_parts, max_totals
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._num_parts = self._num_totals = 0

    def totals(
        self, connection: Connection, names: Sequence[str], read: Callable[[str], SessionTotals]
    ) -> Iterator[tuple[str, SessionTotals]]:
        """Return the totals of sessions that have parts.

        Args:
            connection: Sees all parts.
            names: Of the sessions, each once.
            read: Returns the totals that a part says.

        """
        there = _digests(connection, names)
        known = {name: self._still_right(name, parts) for name, parts in there.items()}
        wanted = [
            (name, trace_id)
            for name, parts in there.items()
            for trace_id, digest in parts.items()
            if trace_id not in known[name].settled and not _is_read(known[name], trace_id, digest)
        ]
        unread = set(there)
        for name, rows in _parts(connection, wanted):
            unread.discard(name)
            yield name, self._added(name, there[name], known[name], rows, read)
        for name in unread:
            yield name, self._added(name, there[name], known[name], (), read)

    def _still_right(self, name: str, parts: Digests) -> _Known:
        """Return what is remembered of a session, as far as it is still so."""
        known = self._known.get(name, _NOTHING)
        if all(parts.get(trace_id) == digest for trace_id, digest in known.settled.items()):
            return known
        return known._replace(settled={}, sum=SessionTotals())

    def _added(
        self,
        name: str,
        parts: Digests,
        known: _Known,
        rows: Iterable[tuple[str, str]],
        read: Callable[[str], SessionTotals],
    ) -> SessionTotals:
        """Return the totals of a session; ``rows``: the parts that are not remembered."""
        settled, sums = dict(known.settled), [known.sum] if known.settled else []
        others: dict[str, list[SessionTotals]] = {}
        rest: list[SessionTotals] = []
        alike: list[SessionTotals] = []
        for trace_id, totals in known.others.items():
            if _is_read(known, trace_id, parts.get(trace_id)) and trace_id not in settled:
                settled[trace_id] = parts[trace_id]
                alike += totals
        unread = iter(rows)
        while some := list(islice(unread, _ROWS)):
            for trace_id, text in some:
                if known.parts.get(trace_id) == parts[trace_id]:
                    settled[trace_id] = parts[trace_id]
                    alike.append(read(text))
                elif trace_id in others or len(others) < _MAX_OTHERS:
                    others.setdefault(trace_id, []).append(read(text))
                else:
                    rest.append(read(text))
            sums, alike = _in_one([*sums, *alike]), []
            rest = _in_one(rest)
        sums = _in_one([*sums, *alike])
        of_settled = sums[0] if sums else SessionTotals()
        self._remember(name, _Known(parts, settled, of_settled, others))
        return sum_of_totals([*sums, *rest, *chain.from_iterable(others.values())])

    def _remember(self, name: str, known: _Known) -> None:
        self._forget(self._known.pop(name, None))
        self._known[name] = known
        self._num_parts += len(known.parts)
        self._num_totals += known.num_totals
        while self._num_parts > self._max_parts or self._num_totals > self._max_totals:
            self._forget(self._known.popitem(last=False)[1])

    def _forget(self, known: _Known | None) -> None:
        if known is not None:
            self._num_parts -= len(known.parts)
            self._num_totals -= known.num_totals


def _in_one(totals: Sequence[SessionTotals]) -> list[SessionTotals]:
    """Return totals as at most one."""
    return [sum_of_totals(totals)] if totals else []


def _is_read(known: _Known, trace_id: str, digest: str | None) -> bool:
    """Return whether a part is remembered as it is now."""
    return trace_id in known.others and known.parts[trace_id] == digest


def _digests(connection: Connection, names: Sequence[str]) -> Mapping[str, Digests]:
    found: dict[str, dict[str, str]] = {}
    for name, trace_id, digest in connection.execute(_DIGESTS, [list(names)]).fetchall():
        found.setdefault(name, {})[trace_id] = digest
    return found


def _parts(
    connection: Connection, wanted: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, Iterator[tuple[str, str]]]]:
    """Return sessions with their parts, which are read as they are asked for."""
    names, trace_ids = zip(*wanted, strict=True) if wanted else ((), ())
    rows = connection.execute(_PARTS, [list(names), list(trace_ids)])
    found = chain.from_iterable(iter(lambda: rows.fetchmany(_ROWS), []))
    for name, parts in groupby(found, itemgetter(0)):
        yield name, ((trace_id, text) for _, trace_id, text in parts)
