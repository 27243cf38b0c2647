"""The spans of a trace as rows of a waterfall: where each stands, when it ran, whether it counts.

Verdicts are those that were stored when the trace was counted, so a trace of any size is shown at
once.  Where no spans are kept, the calls alone are shown, all on one level.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import NamedTuple

from otel_session_agg._explain.tree import Link, branches
from otel_session_agg._explain.verdicts import why_not
from otel_session_agg._views.reads import Reads

__all__ = ["SpanCall", "SpanPage", "SpanRow", "page_of", "trace_rows", "words_of"]

MAX_SPANS = 50_000
"""Spans of a trace that are read: those that began first."""

_KEPT = """
SELECT span_id, coalesce(parent_id, remote_parent_id), name, kind, start_ns, end_ns, failed, status
FROM spans WHERE trace_id = ? AND start_time BETWEEN ? AND ? ORDER BY start_ns, span_id LIMIT ?
"""
_BOUNDS = """
SELECT min(start_time) - INTERVAL 1 second, max(end_time) + INTERVAL 1 second
FROM traces WHERE trace_id = ?
"""
_CALLS = """
SELECT span_id, session, name, epoch_us(start_time) * 1000, epoch_us(end_time) * 1000, model, agent,
       tool, prompt_tokens, completion_tokens, cache_read_tokens, cost, cost_source, unpriced,
       failed, counts, lost_to, rule
FROM calls WHERE trace_id = ? AND start_time BETWEEN ? AND ? ORDER BY start_time, span_id LIMIT ?
"""


class _Call(NamedTuple):
    """A row of the table of calls, with times in Unix nanoseconds."""

    span_id: str
    session: str
    name: str
    start_ns: int
    end_ns: int
    model: str | None
    agent: str | None
    tool: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cache_read_tokens: int | None
    cost: Decimal | None
    cost_source: str | None
    unpriced: bool
    failed: bool
    counts: bool
    lost_to: str | None
    rule: str | None


class SpanCall(NamedTuple):
    """What was decided about the call that a span reports."""

    counts: bool
    why: str
    """Why it does not count, or not all of it, in words."""
    lost_to: str | None
    """The span that counts instead."""
    is_foreign: bool
    """Whether it is in the totals of another session."""
    model: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cache_read_tokens: int | None
    cost: Decimal | None
    """USD; ``None``: unknown, or it does not count."""
    unpriced: bool
    """Whether it cost something, but it is not known how much."""


class SpanRow(NamedTuple):
    """One span of a trace; offsets in milliseconds from the first start of the trace."""

    number: int
    """The place in the tree, from 1."""
    span_id: str
    parent_id: str | None
    """The span above it, if it is there."""
    depth: int
    below: int
    """Spans below it."""
    name: str
    kind: str
    start_ms: float
    end_ms: float
    failed: bool
    status: str | None
    """The description of its status."""
    call: SpanCall | None
    """``None``: it reports none."""

    @property
    def is_left_out(self) -> bool:
        """Whether it reports a call that is not in the totals of the session."""
        return self.call is not None and (not self.call.counts or self.call.is_foreign)


class SpanPage(NamedTuple):
    """Some of the rows that are to be seen."""

    rows: Sequence[SpanRow]
    first: int
    """The place of the first of them, from 0."""
    visible: int
    """Rows that are not below a closed one."""
    total: int


def trace_rows(history: Reads, trace_id: str, session_id: str) -> list[SpanRow]:
    """Return the spans of a trace in the order in which their tree is read."""
    [bounds] = history.rows(_BOUNDS, [trace_id])
    if bounds[0] is None:
        return []
    question = [trace_id, *bounds, MAX_SPANS]
    calls = {row[0]: _Call(*row) for row in history.rows(_CALLS, question)}
    spans = {row[0]: row for row in history.rows(_KEPT, question)}
    for call in calls.values():  # of spans that are not kept
        kind = "model" if call.model is not None else "call"
        known = (call.span_id, None, call.name, kind, call.start_ns, call.end_ns, call.failed, "")
        spans.setdefault(call.span_id, known)
    trace = int(trace_id, 16)
    links = [
        Link((trace, int(span_id, 16)), _key(trace, parent), start_ns)
        for span_id, parent, _, _, start_ns, *_ in spans.values()
    ]
    first_ns = min((link.start_ns for link in links), default=0)
    names = {span_id: row[2] for span_id, row in spans.items()}
    rows: list[SpanRow] = []
    for number, branch in enumerate(branches(links), 1):
        span_id = f"{branch.key[1]:016x}"
        _, _, name, kind, start_ns, end_ns, failed, status = spans[span_id]
        parent_id = None if branch.parent is None else f"{branch.parent[1]:016x}"
        times = ((start_ns - first_ns) / 1e6, (end_ns - first_ns) / 1e6)
        call_ = _of_call(calls.get(span_id), session_id, names)
        rows.append(
            SpanRow(
                number, span_id, parent_id, branch.depth, 0, name, kind, *times, bool(failed),
                status or None, call_,
            )
        )  # fmt: skip
    return _with_below(rows)


def _key(trace: int, span_id: str | None) -> tuple[int, int] | None:
    return None if span_id is None else (trace, int(span_id, 16))


def _of_call(call: _Call | None, session_id: str, names: dict[str, str]) -> SpanCall | None:
    if call is None:
        return None
    other = None
    if call.lost_to is not None:
        other = names.get(call.lost_to) or f"span {call.lost_to}"
    return SpanCall(
        counts=call.counts,
        why=words_of(call.rule, other, counts=call.counts),
        lost_to=call.lost_to,
        is_foreign=call.session != session_id,
        model=call.model,
        prompt_tokens=call.prompt_tokens,
        completion_tokens=call.completion_tokens,
        cache_read_tokens=call.cache_read_tokens,
        cost=call.cost,
        unpriced=call.unpriced,
    )


def words_of(rule: str | None, other: str | None, *, counts: bool) -> str:
    """Return a stored verdict in words; one that this version does not know, as it is."""
    if rule is None or (counts and other is None):
        return "" if counts else "does not count"
    try:
        return why_not(rule, other, counts=counts)
    except (KeyError, ValueError):
        return f"does not count: {rule}"


def _with_below(rows: list[SpanRow]) -> list[SpanRow]:
    """Count the rows below each: those that follow it at a greater depth."""
    below = [0] * len(rows)
    open_: list[int] = []
    for at, row in enumerate(rows):
        while open_ and rows[open_[-1]].depth >= row.depth:
            last = open_.pop()
            below[last] = at - last - 1
        open_.append(at)
    for last in open_:
        below[last] = len(rows) - last - 1
    return [row._replace(below=number) for row, number in zip(rows, below, strict=True)]


def page_of(
    rows: Sequence[SpanRow], first: int = 0, limit: int = 100, closed: Collection[str] = ()
) -> SpanPage:
    """Return some of the rows that are not below a closed one.

    Args:
        rows: Those of a trace.
        first: The place of the first, among those to be seen.
        limit: How many at most.
        closed: The span ids of rows whose spans below are not shown.

    """
    seen: list[SpanRow] = []
    at = 0
    while at < len(rows):
        row = rows[at]
        seen.append(row)
        at += 1 + (row.below if row.span_id in closed else 0)
    first = min(max(first, 0), max(len(seen) - 1, 0) // limit * limit)
    return SpanPage(seen[first : first + limit], first, len(seen), len(rows))
