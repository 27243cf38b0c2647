"""Find the report of a call that another span of the same trace has reported already.

A trace keeps its recent calls open for corrections; older ones are settled and can no longer
change.
"""

from __future__ import annotations

from otel_session_agg._trace.call import RUNS, Call
from otel_session_agg._trace.same_call import absorb, made, one_call
from otel_session_agg._trace.token_counts import fits, same_figures

WINDOW = 256
"""Recent calls per trace that can still be corrected.

Duplicates end within milliseconds of each other and late descendants within seconds; 256 calls are
minutes of an agent's work.
"""

MISSES = 16
"""Calls that ended before this one began, after which a search is given up.

Reports of one call end together.
"""


class Window:
    """The recent calls of one trace, bounded; the trace settles the calls that fall out."""

    __slots__ = ("_by_name", "_last_scope", "_mixed", "_runs", "fresh", "num_calls")

    def __init__(self) -> None:
        self._by_name: dict[int | str, Call] = {}
        """Calls by all their span ids and their response id, the oldest first."""
        self._mixed = False
        """Whether calls of more than one scope are here, so that duplicates are possible."""
        self._last_scope = ""
        self._runs: list[Call] = []
        """Runs of agents whose calls no span has reported."""
        self.fresh: list[Call] = []
        """Calls that were taken in since they were last noted (``RecentCalls``)."""
        self.num_calls = 0

    def calls(self) -> list[Call]:
        """Return the calls that count, each once: at its first span id."""
        names = self._by_name
        return [call for name, call in names.items() if call.alive and name == call.span_ids[0]]

    def by_span(self, span_id: int) -> Call | None:
        """Return the call that a span reported, if it still counts."""
        call = self._by_name.get(span_id)
        return call if call is not None and call.alive else None

    def index(self, call: Call) -> None:
        """Index a call by the spans that report it and by its response id."""
        for span_id in call.span_ids:
            self._by_name[span_id] = call
        if call.response_id is not None:
            self._by_name.setdefault(call.response_id, call)

    def place(self, call: Call, nested: list[Call]) -> tuple[Call, Call | None]:
        """Take a call in, unless it is a report of a call that is here; merge it into that then.

        Return the call that counts, and the call that fell out of the window, if any.
        """
        names, scope = self._by_name, call.scopes[0] if call.scopes else ""
        is_run = call.silent and call.kind in RUNS
        if self.num_calls and (
            self._mixed or scope != self._last_scope or call.response_id in names
        ):
            same = self._made_by(call) if is_run else self.same_call(call, nested)
            if same is not None and is_run:
                call.alive = False
                return same, None
            if same is not None:
                absorb(same, call)
                self.index(same)
                return same, None
        if names.get(call.span_ids[0]) is call:
            self.index(call)
            return call, None
        oldest = self.pop_oldest() if self.num_calls >= WINDOW else None
        self._mixed = self._mixed or (self.num_calls > 0 and scope != self._last_scope)
        self._last_scope = scope
        if is_run:
            self._runs = [run for run in self._runs if run.alive] + [call]
        for run in self._runs:
            run.alive = run.alive and not made(run, call)
        self.fresh.append(call)
        self.num_calls += 1
        self.index(call)
        return call, oldest

    def pop_oldest(self) -> Call:
        """Remove and return the call that has been here longest."""
        call = next(iter(self._by_name.values()))
        self.num_calls -= 1
        for name in (*call.span_ids, call.response_id):
            if name is not None and self._by_name.get(name) is call:
                del self._by_name[name]
        return call

    def same_call(self, call: Call, nested: list[Call]) -> Call | None:
        """Return the call that ``call`` also reports, if any, leaving out those it nests with."""
        if call.response_id is not None:
            other = self._by_name.get(call.response_id)
            if (
                other is not None
                and other.alive
                and other is not call
                and other not in nested
                and one_call(other, call)
            ):
                return other
        if not self._mixed and call.scopes[:1] == (self._last_scope,):
            return None
        fallback, misses = None, 0
        for name in reversed(self._by_name):
            other = self._by_name[name]
            if not other.alive or name != other.span_ids[0] or other is call or other in nested:
                continue
            if one_call(other, call):
                if same_figures(other.usage, call.usage):
                    return other
                fallback = _nearer(fallback, other, call)
            elif other.end_ns < call.start_ns:
                misses += 1
                if misses > MISSES:
                    break
        return fallback

    def _made_by(self, run: Call) -> Call | None:
        """Return the last call that a run made."""
        for call in reversed(self.calls()):
            if made(run, call):
                return call
        return None


def _nearer(a: Call | None, b: Call, call: Call) -> Call:
    """Return the one of two candidates whose figures fit ``call``, else the first."""
    return b if a is None or (fits(b.usage, call.usage) and not fits(a.usage, call.usage)) else a
