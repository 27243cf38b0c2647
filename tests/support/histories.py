"""Sessions, traces and calls as a replay hands them on, with figures that are easy to add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from otel_session_agg._history.history import History
from otel_session_agg._history.span_tables import StoredSpan
from otel_session_agg._model.breakdown import Breakdown, BreakdownRow
from otel_session_agg._model.details import Details
from otel_session_agg._model.dimensions import Dimension, DimensionValue
from otel_session_agg._model.replayed import ReplayedCall, ReplayedTrace, SessionPart
from otel_session_agg._model.rollup import At, Rollup
from otel_session_agg._model.session_totals import Labelled, Member, SessionTotals
from otel_session_agg._model.span import SpanData, Usage

START_NS = 1_768_212_000_000_000_000
"""2026-01-12T10:00:00Z."""
HOUR_NS = 3600 * 10**9
MODELS = ("gpt-4o", "claude-opus-4", "unpriced-1")


class Facts(NamedTuple):
    """What one ``add`` takes."""

    parts: Sequence[SessionPart]
    traces: Sequence[ReplayedTrace]
    calls: Sequence[ReplayedCall]
    spans: Sequence[StoredSpan] = ()


def joined(facts: Iterable[Facts]) -> Facts:
    """All of them as one."""
    given = list(facts)
    return Facts(
        [part for one in given for part in one.parts],
        [trace for one in given for trace in one.traces],
        [call for one in given for call in one.calls],
        [span for one in given for span in one.spans],
    )


def one_trace(
    number: int,
    session: str | None = None,
    *,
    cost_pusd: int | None = 1_234_567,
    user: str | None = "ada",
    model: str = "gpt-4o",
    hours: int = 0,
    dimensions: dict[str, DimensionValue] | None = None,
    metadata: dict[str, str | bool | int | float] | None = None,
    num_open: int = 0,
) -> Facts:
    """A trace with one call of a model and one of a tool, in one session."""
    trace_id, start_ns = (7 << 64) + number, START_NS + hours * HOUR_NS + number * 1_000_000
    name = session if session is not None else f"{trace_id:032x}"
    usage = Usage(100, 11, 111, 7, None, None, 3)
    is_known = cost_pusd is not None
    row = BreakdownRow(1, 0, 100, 11, 111, 7, 0, 3, cost_pusd or 0, int(is_known), int(not is_known), 500_250)
    rollup = Rollup(
        num_events=3, num_model_events=1, num_tool_events=1, num_errors=number % 2, num_unpriced_events=int(not is_known),
        num_computed=int(is_known), cost_pusd=cost_pusd or 0, num_winners=1, prompt_tokens=100, completion_tokens=11,
        total_tokens=111, cache_read_tokens=7, reasoning_tokens=3, start_ns=start_ns, end_ns=start_ns + 2_500_250_000,
        models=frozenset({model}), error=At(start_ns, 3, "ValueError: no") if number % 2 else None,
        details=Details(
            by_model=Breakdown({model[:128]: row}),
            by_agent=Breakdown({"planner": row}),
            by_tool=Breakdown({"search": BreakdownRow(1, 1, duration_ns=250_000)}),
        ),
    )  # fmt: skip
    totals = SessionTotals(
        rollup=rollup, num_open=num_open, traces=frozenset({trace_id}), members=(Member(start_ns, trace_id, 1),),
        num_roots=1, root_ns=2_500_250_000, user=At(start_ns, 1, user) if user is not None else None,
        metadata={key: Labelled(start_ns, value) for key, value in (metadata or {}).items()},
        dimensions={key: Dimension(start_ns, 1, value) for key, value in (dimensions or {}).items()},
    )  # fmt: skip
    trace = ReplayedTrace(trace_id, name, 1, "run", start_ns, start_ns + 2_500_250_000, 4, rollup, None, user, dimensions or {})
    call = ReplayedCall(
        trace_id, 2, name, "chat", start_ns, start_ns + 500_250, model, "openai", "planner", None, usage,
        cost_pusd, is_unpriced=not is_known, is_recorded=False, failed=False, counts=True, lost_to=None, rule=None,
    )  # fmt: skip
    repeat = call._replace(span_id=3, cost_pusd=None, is_unpriced=False, counts=False, lost_to=2, rule="layer")
    span = SpanData("chat", trace_id, 2, 1, "CLIENT", "openai", "1", start_ns, start_ns + 500_250, {"gen_ai.system": "openai"})
    return Facts(
        [SessionPart(trace_id, name, totals)],
        [trace],
        [call, repeat],
        [StoredSpan(span, {"service.name": "shop"}, name, "model")],
    )


def many(number: int, sessions: int | None = None, *, first: int = 0) -> Facts:
    """So many traces, over so many sessions; ``None``: each is one of its own."""
    return joined(
        one_trace(
            at,
            None if sessions is None else f"session-{at % sessions}",
            cost_pusd=None if at % 7 == 3 else 1_000_000_007 * (at + 1),
            user=("ada", "Ann Lee", None)[at % 3],
            model=MODELS[2 if at % 7 == 3 else at % 2],
            hours=at % 50,
            dimensions={"service.name": f"shop-{at % 2}", "tier": at % 3},
            metadata={"plan": ("pro", "free")[at % 2], "score": at / 4, "is_new": at % 2 == 0},
        )
        for at in range(first, first + number)
    )


def kept(path: Path, *facts: Facts) -> History:
    """A history in a file, recounted."""
    history = History(path)
    for one in facts:
        history.add(*one)
    history.recount()
    return history


def corrected(facts: Facts, more_pusd: int) -> Facts:
    """The same traces with a higher cost."""

    def dearer(rollup: Rollup) -> Rollup:
        return replace(rollup, cost_pusd=rollup.cost_pusd + more_pusd)

    return facts._replace(
        parts=[part._replace(totals=replace(part.totals, rollup=dearer(part.totals.rollup))) for part in facts.parts],
        traces=[trace._replace(rollup=dearer(trace.rollup)) for trace in facts.traces],
    )
