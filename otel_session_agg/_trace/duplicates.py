"""Find another report of a call among those that were decided before."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator

from otel_session_agg._model.span import Kind
from otel_session_agg._trace.call import RUNS, Call
from otel_session_agg._trace.merging import absorb
from otel_session_agg._trace.rules import Rule
from otel_session_agg._trace.same_call import SOON_NS, made, one_call
from otel_session_agg._trace.token_counts import fits, same_prompt

LOOK_BACK = 64
"""Calls that are compared one by one: the last that ended of those that may be the same."""

MAX_ALIKE = 16
"""Calls with the same response id that are compared: mocks repeat theirs for ever."""

_UNSURE, _ALL = -1, -2
"""In place of an output: that no output contradicts it, and whatever the output is."""

_Ended = list[tuple[int, Call]]
"""When a call and all below it had ended, and the call, in this order."""
_Figures = tuple[Kind, "int | None", "int | None"]
_Found = tuple[Call, Rule]
"""Another report of the same call, and the rule that says so."""


def are_all_different(calls: Collection[Call]) -> bool:
    """Return whether one scope reports all calls, with different response ids."""
    responses = [call.response_id for call in calls if call.response_id is not None]
    return len({call.scope for call in calls}) == 1 and len(set(responses)) == len(responses)


class Standing:
    """The calls of a trace that stand, in the order in which they were decided."""

    __slots__ = (
        "_by_figures", "_by_output", "_by_response", "_doubtful", "_runs", "_scopes", "_slack_ns",
    )  # fmt: skip

    def __init__(self, calls: Collection[Call]) -> None:
        scopes: dict[Kind, list[str]] = {}
        for kind, scope in sorted({(call.kind, call.scope) for call in calls}, key=_by_scope):
            scopes.setdefault(kind, []).append(scope)
        self._scopes = {kind: names for kind, names in scopes.items() if len(names) > 1}
        """Scopes that report calls of one kind, if several do; else none is reported twice."""
        loose = self._scopes and any(call.reading.ends_early for call in calls)
        self._slack_ns = SOON_NS if loose else 0
        self._by_response: dict[str, _Ended] = {}
        self._by_figures: dict[_Figures, _Ended] = {}
        self._by_output: dict[tuple[Kind, str, int], _Ended] = {}
        """Calls by kind, scope and output, by ``_UNSURE`` and by ``_ALL``."""
        self._doubtful: dict[tuple[_Figures, str], _Ended] = {}
        """Calls by figures, and by the scope of a merged report that states none."""
        self._runs = _Runs() if any(call.silent and call.kind in RUNS for call in calls) else None

    def place(self, call: Call, ended_ns: int, nested: Container[Call]) -> Call:
        """Take a call in, unless another report of it, or a call that it made, is here.

        Return the call that counts.  ``nested``: calls below it, which are other ones.
        """
        if self._runs is not None:
            self._runs.place(call, ended_ns)
            if call.lost_to is not None:
                return call.lost_to
        is_mixed = call.kind in self._scopes
        if call.response_id is None and not is_mixed:
            return call
        found = self._same_call(call, nested, is_mixed=is_mixed)
        if found is not None:
            call = self._merge(call, ended_ns, found)
        if call.response_id is not None:
            self._by_response.setdefault(call.response_id, []).append((ended_ns, call))
        if is_mixed and not self._is_whole(call):
            self._add(call, ended_ns)
        return call

    def _merge(self, call: Call, ended_ns: int, found: _Found) -> Call:
        other, rule = found
        figures = _figures(other) if rule is Rule.BESIDE and _figures(call) is None else None
        absorb(other, call, rule)
        if figures is not None:
            self._doubtful.setdefault((figures, call.scope), []).append((ended_ns, other))
        return other

    def place_named(self, call: Call, ended_ns: int, nested: Container[Call]) -> Call:
        """Take a call in that has its response id from a span above, as ``place`` does."""
        found = self._same_call(call, nested, is_mixed=False)
        if found is not None:
            absorb(found[0], call, found[1])
            call = found[0]
        self._by_response.setdefault(call.response_id or "", []).append((ended_ns, call))
        return call

    def _add(self, call: Call, ended_ns: int) -> None:
        """Make a call findable by what it states now."""
        figures, entry = _figures(call), (ended_ns, call)
        if figures is not None:
            self._by_figures.setdefault(figures, []).append(entry)
        for output in (_sure_output(call), _ALL):
            self._by_output.setdefault((call.kind, call.scope, output), []).append(entry)

    def _is_whole(self, call: Call) -> bool:
        """Return whether every scope has reported a call: it takes one span of each."""
        scopes = self._scopes.get(call.kind, ())
        return len(call.scopes) >= len(scopes) and all(scope in call.scopes for scope in scopes)

    def _same_call(self, call: Call, nested: Container[Call], *, is_mixed: bool) -> _Found | None:
        """Return another report of the same call, the likeliest one."""
        found: _Found | None = None
        if call.response_id is not None:
            found = _last_of(self._named(call.response_id), call, nested)
        if not is_mixed or found is not None:
            return found
        figures = _figures(call)
        if figures is not None:
            found = _last_of(self._latest_in_part(self._by_figures.get(figures)), call, nested)
            found = found or self._in_doubt(figures, call, nested)
        return found or self._at_one_time(call, nested)

    def _in_doubt(self, figures: _Figures, call: Call, nested: Container[Call]) -> _Found | None:
        """Return a call with the same figures that a report without any was taken for.

        That report is of one of the other calls at the time, which is here without it.
        """
        doubtful = self._doubtful.get((figures, call.scope), [])
        for entry in _latest(doubtful):
            other = entry[1]
            if other.lost_to is None and other is not call and other not in nested:
                rule = one_call(other, call, in_any_scope=True)
                if rule is not None:
                    doubtful.remove(entry)
                    return other, rule
        return None

    def _named(self, response_id: str) -> _Ended:
        """Return the last calls with a response id, the latest first."""
        return _latest(self._by_response.get(response_id))[:MAX_ALIKE]

    def _at_one_time(self, call: Call, nested: Container[Call]) -> _Found | None:
        """Return the likeliest of the calls at the same time, and of those the last one.

        It is one that fits, else one with the same prompt.
        """
        best: _Found | None = None
        has_prompt = False
        for other in self._others_at_one_time(call):
            rule = _rule(other, call, nested)
            if rule is None:
                continue
            if fits(other.usage, call.usage):
                return other, rule
            if best is None or (not has_prompt and same_prompt(other.usage, call.usage)):
                best, has_prompt = (other, rule), same_prompt(other.usage, call.usage)
        return best

    def _others_at_one_time(self, call: Call) -> Iterator[Call]:
        """Yield calls of other scopes at the same time that may be the same, the last first."""
        since_ns, output = call.start_ns - self._slack_ns, _sure_output(call)
        for scope in self._scopes[call.kind]:
            if scope in call.scopes:
                continue
            for one in (_ALL,) if output == _UNSURE else (output, _UNSURE):
                ended = self._by_output.get((call.kind, scope, one))
                for ended_ns, other in self._latest_in_part(ended):
                    if ended_ns < since_ns:
                        break
                    yield other

    def _latest_in_part(self, ended: _Ended | None) -> _Ended:
        """Return the last calls, the latest first, of those that not every scope has reported."""
        while ended and self._is_whole(ended[-1][1]):
            ended.pop()
        return _latest(ended)


class _Runs:
    """Runs of agents that state nothing, and the calls that they may have made."""

    __slots__ = ("_calls", "_runs")

    def __init__(self) -> None:
        self._runs: _Ended = []
        self._calls: _Ended = []

    def place(self, call: Call, ended_ns: int) -> None:
        """Take a call or a run in; a run loses to a call that another scope reports."""
        if call.silent and call.kind in RUNS:
            for other_ns, other in _latest(self._calls):
                if other_ns < call.start_ns:
                    break
                if other.lost_to is None and made(call, other):
                    call.lose(other, Rule.RUN)
                    return
            self._runs.append((ended_ns, call))
        elif call.model_events:
            self._calls.append((ended_ns, call))
            for other_ns, run in _latest(self._runs):
                if other_ns < call.start_ns:
                    break
                if run.lost_to is None and made(run, call):
                    run.lose(call, Rule.RUN)


def _by_scope(row: tuple[Kind, str]) -> str:
    return row[1]


def _latest(ended: _Ended | None) -> _Ended:
    """Return the last calls of a list, the latest first; calls that have lost leave it."""
    if not ended:
        return []
    while ended and ended[-1][1].lost_to is not None:
        ended.pop()
    return ended[: -LOOK_BACK - 1 : -1]


def _last_of(
    alike: Iterable[tuple[int, Call]], call: Call, nested: Container[Call]
) -> _Found | None:
    """Return the first of some calls that is the same as one, and the rule."""
    for _, other in alike:
        rule = _rule(other, call, nested)
        if rule is not None:
            return other, rule
    return None


def _rule(other: Call, call: Call, nested: Container[Call]) -> Rule | None:
    """Return the rule by which a call that stands and another one are the same."""
    if other.lost_to is not None or other is call or other in nested:
        return None
    return one_call(other, call)


def _figures(call: Call) -> _Figures | None:
    usage = call.usage
    if usage is None or not call.usage_counts:
        return None
    return call.kind, usage.prompt_tokens, usage.completion_tokens


def _sure_output(call: Call) -> int:
    """Return the output of a call, if no other report of it contradicts that."""
    usage = call.usage
    if (
        usage is None
        or call.unsure_usage
        or call.unsure_output
        or usage.reasoning_tokens
        or usage.cache_read_tokens
        or usage.cache_write_tokens
    ):
        return _UNSURE
    return usage.completion_tokens or _UNSURE
