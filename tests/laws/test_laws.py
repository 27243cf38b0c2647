"""The laws that hold whatever comes: counted, complete, bounded and silent."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_session_agg import Rollup, Settings
from otel_session_agg._collections.deadlines import Deadlines
from otel_session_agg._model.span import Kind, Reading, SpanData, Usage
from otel_session_agg._reading import span as reading
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.trace import Corrected, Released, Trace
from otel_session_agg.conventions import CONVENTIONS
from tests.support.builds import not_compiled
from tests.support.deadlines import release_due
from tests.unit.ground.test_values import ANYTHING

_CALLS = (Kind.MODEL, Kind.EMBEDDING)
_TRACE = 7
_ROOT = 1


@dataclass(frozen=True, repr=False)
class _Span:
    """A span of a generated tree."""

    span_id: int
    parent_id: int | None
    kind: Kind
    tokens: tuple[int, int] | None
    start_ns: int = 0
    end_ns: int = 0
    trace_id: int = _TRACE

    def __repr__(self) -> str:
        return f"{self.parent_id}>{self.span_id} {self.kind.value} {self.tokens}"

    def data(self) -> SpanData:
        """It, as a door hands it in; the span itself rides in the attributes."""
        return SpanData(
            "s", self.trace_id, self.span_id, self.parent_id, "INTERNAL", "scope", "", self.start_ns, self.end_ns, {"span": self}
        )


def _read(data: SpanData) -> Reading:
    span: _Span = data.attributes["span"]
    usage = Usage(*span.tokens, sum(span.tokens)) if span.tokens else None
    return Reading(span.kind, usage)


def _price(call: Call) -> int:
    usage = call.usage or Usage()
    return 3 * (usage.prompt_tokens or 0) + 7 * (usage.completion_tokens or 0)


class _Harness:
    """An engine whose books are checked after every step."""

    def __init__(self, *, lean: bool = False, **kwargs: Any) -> None:
        self.lean = lean
        """Keep no books of carriers: for many steps."""
        self.settings = Settings(**kwargs)
        self.engine = Engine(self.settings, _read, _price, Deadlines(), text=str)
        self.now = 0.0
        self.handed_in: Counter[object] = Counter()
        self.left: Counter[object] = Counter()
        self.released: list[Trace] = []
        self.payloads = 0

    def start(self, span: _Span) -> None:
        """It begins."""
        out: list[object] = []
        self.engine.started(span.trace_id, span.span_id, span.parent_id, out)
        self._check(out)

    def end(self, span: _Span) -> None:
        """It ends."""
        self.payloads += 1
        payload = (self.payloads, span)
        if not self.lean:
            self.handed_in[payload] += 1
        out: list[object] = []
        self.engine.ended(span.data(), payload, self.now, out)
        self._check(out)

    def tick(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        out: list[object] = []
        release_due(self.engine, self.now, out)
        self._check(out)

    def drain(self) -> None:
        """Everything is asked for."""
        out: list[object] = []
        self.engine.drain("force_flush", out)
        self._check(out)

    def _check(self, out: list[object]) -> None:
        for item in out:
            if isinstance(item, Released):
                self.released = [item.trace] if self.lean else [*self.released, item.trace]
            if not self.lean and not isinstance(item, Corrected):
                self.left[item.trace.payload if isinstance(item, Released) else item] += 1
        engine = self.engine
        assert engine.received == engine.folded + sum(engine.ignored.values())
        assert engine.opened == sum(engine.released.values()) + engine.open
        assert all(number == 1 for number in self.left.values())
        assert engine.open <= 2 * (self.settings.max_open_roots + 1)

    def rollup(self, trace: Trace) -> Rollup:
        """The totals of a root that left; ends it."""
        return self.engine.totals.rollup(trace)

    def totals(self) -> tuple[object, ...]:
        """Of the only root that left."""
        (trace,) = self.released
        rollup = self.rollup(trace)
        return (
            rollup.num_events,
            rollup.num_model_events,
            rollup.num_tool_events,
            rollup.prompt_tokens,
            rollup.completion_tokens,
            rollup.cost_pusd,
            rollup.num_winners,
            rollup.start_ns,
            rollup.end_ns,
        )


def weight(*things: object) -> int:
    """Items in all containers that can be reached, each container once."""
    seen: set[int] = set()
    waiting = list(things)
    total = 0
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, (str, bytes, int, float, type, Enum, _Span, Settings)) or callable(thing):
            continue
        seen.add(id(thing))
        if isinstance(thing, Mapping):
            total += len(thing)
            waiting += [*thing.keys(), *thing.values()]
        elif isinstance(thing, (list, tuple, set, frozenset, deque)):
            total += len(thing)
            waiting += thing
        else:
            names = [name for row in type(thing).__mro__ for name in getattr(row, "__slots__", ())]
            waiting += [getattr(thing, name, None) for name in (*names, *getattr(thing, "__dict__", ()))]
    return total


# -- the reference ----------------------------------------------------------------------------------------------------------


def _winners(spans: list[_Span]) -> list[_Span]:
    """Leaf wins, told of the finished tree; a container's usage also loses against a call above it, if that call counts."""
    children: dict[int | None, list[_Span]] = {}
    for span in spans:
        children.setdefault(span.parent_id, []).append(span)

    def below(span: _Span) -> list[_Span]:
        found = [winner for child in children.get(span.span_id, []) for winner in below(child)]
        is_call = span.kind in _CALLS
        wins = not any(winner.kind in _CALLS for winner in found) if is_call else not found
        return [span] if span.tokens is not None and wins else found

    return [winner for top in children[None] for winner in below(top)]


def _innermost_models(spans: list[_Span]) -> int:
    by_id = {span.span_id: span for span in spans}
    outer: set[int] = set()
    for span in spans:
        above = by_id.get(span.parent_id or 0) if span.kind is Kind.MODEL else None
        while above is not None:
            outer.add(above.span_id)
            above = by_id.get(above.parent_id or 0)
    return sum(span.kind is Kind.MODEL and span.span_id not in outer for span in spans)


def _reference(spans: list[_Span]) -> tuple[object, ...]:
    winners = _winners(spans)
    tokens = [span.tokens for span in winners if span.tokens]
    events = [span for span in spans if span.parent_id is not None]
    prompt = sum(row[0] for row in tokens) if tokens else None
    completion = sum(row[1] for row in tokens) if tokens else None
    return (
        len(events),
        _innermost_models(spans),
        sum(span.kind is Kind.TOOL for span in events),
        prompt,
        completion,
        3 * (prompt or 0) + 7 * (completion or 0),
        len(winners),
        min(span.start_ns for span in spans),
        max(span.end_ns for span in spans),
    )


_INNER = st.sampled_from([Kind.AGENT, Kind.CHAIN, Kind.SPAN])
_KINDS = st.sampled_from([Kind.MODEL, Kind.MODEL, Kind.AGENT, Kind.CHAIN, Kind.SPAN])
_TOKENS = st.none() | st.tuples(st.integers(1, 10**6), st.integers(1, 10**6))


@st.composite
def trees(draw: st.DrawFn) -> list[_Span]:
    """Nested spans of one scope, each inside its parent's time: containers and models, some with usage."""
    number = draw(st.integers(0, 14))
    parents = [draw(st.integers(_ROOT, index - 1)) for index in range(2, number + 2)]
    spans = [_Span(_ROOT, None, draw(_INNER), None)]
    for index, parent in enumerate(parents, start=2):
        spans.append(_Span(index, parent, draw(_KINDS), draw(_TOKENS)))
    return _timed(spans)


def _timed(spans: list[_Span]) -> list[_Span]:
    """Give times by a walk through the tree."""
    children: dict[int | None, list[int]] = {}
    for span in spans:
        children.setdefault(span.parent_id, []).append(span.span_id)
    times: dict[int, tuple[int, int]] = {}
    clock = 0

    def walk(span_id: int) -> None:
        nonlocal clock
        clock += 1
        start = clock
        for child in children.get(span_id, []):
            walk(child)
        clock += 1
        times[span_id] = (start, clock)

    walk(_ROOT)
    return [replace(span, start_ns=times[span.span_id][0], end_ns=times[span.span_id][1]) for span in spans]


def _played(spans: list[_Span]) -> _Harness:
    """All starts and ends in order of time."""
    harness = _Harness()
    moments = [(span.start_ns, False, span) for span in spans] + [(span.end_ns, True, span) for span in spans]
    for _, ended, span in sorted(moments, key=lambda moment: moment[0]):
        (harness.end if ended else harness.start)(span)
    return harness


class TestLeafWins:
    """The totals of one root against a reference on the finished tree."""

    @given(trees())
    def test_by_time(self, spans: list[_Span]) -> None:
        """Played in order of time, the totals are those of the reference."""
        harness = _played(spans)
        assert _reference(spans) == harness.totals()
        assert {"complete": 1} == harness.engine.released

    def test_late_sibling(self) -> None:
        """A call that ended first stays counted when its parent ends, and then a second call below that parent."""
        spans = _timed([_Span(1, None, Kind.AGENT, None), *(_Span(n, min(n - 1, 2), Kind.MODEL, (n, n)) for n in (2, 3, 4))])
        harness = _Harness()
        for span in spans:
            harness.start(span)
        for span_id in (3, 2, 4, 1):
            harness.end(spans[span_id - 1])
        assert _reference(spans) == harness.totals()

    @pytest.mark.parametrize(
        "kinds",
        [
            [(Kind.MODEL, (1, 5)), (Kind.MODEL, None), (Kind.AGENT, (100, 500))],
            [(Kind.MODEL, (1, 5)), (Kind.AGENT, (10, 50)), (Kind.MODEL, None)],
            [(Kind.MODEL, None), (Kind.AGENT, (10, 50))],
        ],
        ids=["twice", "without-cost", "no-model"],
    )
    def test_chains(self, kinds: list[tuple[Kind, tuple[int, int] | None]]) -> None:
        """Calls and containers that repeat each other, one inside the other, are one call with its tokens and cost."""
        chain = [_Span(index, index - 1, kind, tokens) for index, (kind, tokens) in enumerate(kinds, start=2)]
        spans = _timed([_Span(_ROOT, None, Kind.AGENT, None), *chain])
        assert _reference(spans) == _played(spans).totals()

    @given(trees(), st.randoms(use_true_random=False))
    def test_ends_in_any_order(self, spans: list[_Span], random: Any) -> None:
        """All have started; whichever ends first, also a parent before its children, the totals are the same."""
        harness = _Harness()
        for span in spans:
            harness.start(span)
        for span in random.sample(spans, len(spans)):
            harness.end(span)
        assert _reference(spans) == harness.totals()
        assert {"complete": 1} == harness.engine.released

    @given(trees())
    def test_ends_only_children_first(self, spans: list[_Span]) -> None:
        """Without any start, children first: the root is partial, its totals are whole."""
        harness = _Harness()
        for span in sorted(spans, key=lambda span: span.end_ns):
            harness.end(span)
        assert _reference(spans) == harness.totals()

    @given(trees())
    def test_ends_only_parents_first(self, spans: list[_Span]) -> None:
        """The root is open; below it, parents end before their children, and nobody saw a start."""
        harness = _Harness()
        harness.start(spans[0])
        for span in [*spans[1:], spans[0]]:
            harness.end(span)
        assert _reference(spans) == harness.totals()

    @given(trees(), st.randoms(use_true_random=False))
    def test_some_starts(self, spans: list[_Span], random: Any) -> None:
        """Of spans that end in any order, before or after their parents, some starts were seen and others not."""
        harness = _Harness()
        harness.start(spans[0])
        for span in spans[1:]:
            if random.random() < 0.5:
                harness.start(span)
        for span in [*random.sample(spans[1:], len(spans) - 1), spans[0]]:
            harness.end(span)
        assert _reference(spans) == harness.totals()

    @given(trees(), st.randoms(use_true_random=False))
    def test_late(self, spans: list[_Span], random: Any) -> None:
        """Whatever ends after the root left, the totals are corrected to what they would have been."""
        harness = _Harness()
        for span in spans:
            harness.start(span)
        order = random.sample(spans[1:], len(spans) - 1)
        before = random.randint(0, len(order))
        for span in [*order[:before], spans[0]]:
            harness.end(span)
        harness.tick(100.0)
        (trace,) = harness.released
        harness.rollup(trace)
        for span in order[before:]:
            harness.end(span)
            if random.random() < 0.5:
                harness.rollup(trace)
        assert _reference(spans) == harness.totals()

    @given(trees(), st.randoms(use_true_random=False))
    def test_asked(self, spans: list[_Span], random: Any) -> None:
        """Asking for totals at any time changes nothing of what comes out."""
        harness = _Harness()
        for span in spans:
            harness.start(span)
        trace = harness.engine.roots.root(_TRACE, _ROOT)
        assert trace is not None
        for span in random.sample(spans[1:], len(spans) - 1):
            harness.end(span)
            if random.random() < 0.5:
                harness.rollup(trace)
        harness.end(spans[0])
        assert _reference(spans) == harness.totals()

    @given(trees(), st.data())
    def test_ended_twice(self, spans: list[_Span], data: st.DataObject) -> None:
        """Spans that end twice count once."""
        harness = _Harness()
        for span in spans:
            harness.start(span)
        again = data.draw(st.sets(st.sampled_from(spans[1:]))) if spans[1:] else set()
        for span in sorted(spans, key=lambda span: span.end_ns):
            harness.end(span)
            if span in again:
                harness.end(span)
        assert _reference(spans) == harness.totals()
        assert len(again) == harness.engine.ignored["duplicate_span"]


_STEP = st.tuples(
    st.sampled_from(["start", "end", "end", "tick", "drain"]),
    st.integers(1, 4),
    st.integers(1, 8),
    st.none() | st.integers(1, 10),
    st.sampled_from(list(Kind)),
    _TOKENS,
)


class TestAnything:
    """Whatever comes, in whatever order: laws 3, 4 and 6 after every step."""

    @settings(max_examples=3 * settings().max_examples)
    @given(st.lists(_STEP, max_size=60), st.integers(1, 3), st.integers(1, 3))
    def test_books(self, steps: list[Any], max_open_roots: int, max_open_spans: int) -> None:
        """Received is folded or ignored, opened is released or open, and every carrier leaves exactly once."""
        harness = _Harness(linger_seconds=2, max_open_roots=max_open_roots, max_open_spans=max_open_spans)
        for time_ns, (what, trace_id, span_id, parent_id, kind, tokens) in enumerate(steps):
            span = _Span(span_id, parent_id, kind, tokens, time_ns, time_ns + 1, trace_id)
            if what == "start":
                harness.start(span)
            elif what == "end":
                harness.end(span)
            elif what == "tick":
                harness.tick(1.0)
            else:
                harness.drain()
        for trace in harness.released:
            harness.rollup(trace)
        harness.drain()
        assert harness.handed_in == harness.left


ENOUGH = 20_000
"""Steps after which every bounded memory is full."""


def _flat(harness: _Harness, step: Callable[[int], None]) -> None:
    """Hold that the engine's memory no longer grows after so many steps."""
    for number in range(10, 10 + ENOUGH):
        step(number)
    before = weight(harness.engine)
    for number in range(10 + ENOUGH, 10 + 2 * ENOUGH):
        step(number)
    assert weight(harness.engine) <= 1.3 * before + 100


@not_compiled
class TestLaw6:
    """Memory is bounded, whatever comes."""

    def test_weight(self) -> None:
        """The measure sees what an engine keeps."""
        harness = _Harness(lean=True)
        empty = weight(harness.engine)
        for number in range(100):
            harness.start(_Span(number, None, Kind.AGENT, None, trace_id=number))
        assert weight(harness.engine) >= empty + 100

    @pytest.mark.parametrize("kind", [Kind.MODEL, Kind.TOOL, Kind.SPAN])
    def test_root_that_never_ends(self, kind: Kind) -> None:
        """Of a root that stays open nothing grows with the spans below it, ended or not."""
        harness = _Harness(lean=True, max_open_spans=100)
        harness.start(_Span(_ROOT, None, Kind.AGENT, None))

        def step(number: int) -> None:
            span = _Span(number, _ROOT, kind, (1, 1), number, number + 1)
            harness.start(span)
            if number % 2:
                harness.end(span)

        _flat(harness, step)
        harness.end(_Span(_ROOT, None, Kind.AGENT, None))
        harness.tick(10)
        assert ENOUGH == harness.rollup(harness.released[0]).prompt_tokens
        assert {"max_open_spans": 1} == harness.engine.released

    def test_parents_that_nobody_saw(self) -> None:
        """Parents that never come are forgotten, and what is below them counts."""
        harness = _Harness(lean=True)
        harness.start(_Span(_ROOT, None, Kind.AGENT, None))
        _flat(harness, lambda number: harness.end(_Span(number, number + 10**9, Kind.MODEL, (1, 1), number, number + 1)))
        harness.end(_Span(_ROOT, None, Kind.AGENT, None))
        assert 2 * ENOUGH == harness.rollup(harness.released[0]).prompt_tokens

    def test_ring_of_parents(self) -> None:
        """Spans in a ring end the way up somewhere, and leave."""
        harness = _Harness()
        harness.start(_Span(_ROOT, None, Kind.AGENT, None))
        ring = list(range(2, 12))
        for number in ring * 3:
            harness.end(_Span(number, 2 + (number - 1) % len(ring), Kind.MODEL, (1, 1), number, number + 1))
        harness.end(_Span(_ROOT, None, Kind.AGENT, None))
        assert harness.handed_in == harness.left

    def test_roots_that_never_end(self) -> None:
        """Of too many open roots the oldest keep only their totals, then nothing; those that ended leave."""
        harness = _Harness(lean=True, max_open_roots=100)

        def step(number: int) -> None:
            harness.start(_Span(_ROOT, None, Kind.AGENT, None, trace_id=number))
            harness.start(_Span(2, _ROOT, Kind.MODEL, (1, 1), trace_id=number))
            if number % 3 == 0:
                harness.end(_Span(_ROOT, None, Kind.AGENT, None, trace_id=number))

        _flat(harness, step)
        assert harness.engine.released["max_open_roots"] > 0
        assert harness.engine.released["discarded"] > 0

    def test_roots_that_leave(self) -> None:
        """Of roots that left nothing stays but their number."""
        harness = _Harness(lean=True)

        def step(number: int) -> None:
            root = _Span(_ROOT, None, Kind.AGENT, None, trace_id=number)
            harness.start(root)
            harness.end(_Span(number, _ROOT, Kind.MODEL, (1, 1), trace_id=number))
            harness.end(root)

        _flat(harness, step)
        assert 0 == harness.engine.open

    def test_spans_of_no_root(self) -> None:
        """Spans whose root never comes are forgotten after the linger time."""
        harness = _Harness(lean=True, linger_seconds=5)

        def step(number: int) -> None:
            harness.end(_Span(2, _ROOT, Kind.MODEL, (1, 1), trace_id=number))
            harness.tick(0.1)

        _flat(harness, step)
        assert harness.engine.released["no_root"] > ENOUGH

    def test_many_roots_of_one_trace(self) -> None:
        """Roots of one trace beyond the bound are all kept in the books, and leave when they end."""
        harness = _Harness(max_open_roots=3)
        roots = [_Span(number, None, Kind.AGENT, None, trace_id=1 + number // 3) for number in range(1, 5)]
        for root in roots:
            harness.start(root)
        for root in roots:
            harness.end(root)
        assert 4 == harness.engine.opened == sum(harness.engine.released.values())
        assert 0 == harness.engine.open

    def test_one_response_id(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A response id that repeats for ever, as mocks have it, does not make a call grow."""
        harness = _Harness(lean=True)
        monkeypatch.setattr(
            harness.engine,
            "_read",
            lambda data: _read(data)._replace(response_id="chatcmpl-1", response_model=f"m{data.span_id}"),
        )
        harness.start(_Span(_ROOT, None, Kind.AGENT, None))
        step = lambda number: harness.end(_Span(number, _ROOT, Kind.MODEL, (1, 1), number, number + 1))  # noqa: E731
        _flat(harness, step)
        harness.end(_Span(_ROOT, None, Kind.AGENT, None))
        assert 1 == harness.rollup(harness.released[0]).prompt_tokens

    def test_deadlines_of_roots_that_left(self) -> None:
        """Roots that did not have to wait long leave nothing behind one that does."""
        harness = _Harness(lean=True, linger_seconds=3600)
        harness.start(_Span(_ROOT, None, Kind.AGENT, None, trace_id=1))
        harness.start(_Span(2, _ROOT, Kind.AGENT, None, trace_id=1))
        harness.end(_Span(_ROOT, None, Kind.AGENT, None, trace_id=1))

        def step(number: int) -> None:
            root = _Span(_ROOT, None, Kind.AGENT, None, trace_id=number)
            child = _Span(2, _ROOT, Kind.SPAN, None, trace_id=number)
            harness.start(root)
            harness.start(child)
            harness.end(root)
            harness.end(child)

        _flat(harness, step)
        assert 1 == harness.engine.open


KEYS = [*sorted(reading.INDEX.entries), "trace.annotations.x", "evaluations.y", "unknown.key"]


class TestLaw7:
    """No attribute value, of any type, makes us raise."""

    @settings(max_examples=3 * settings().max_examples)
    @given(
        st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=12),
        st.text(max_size=5) | st.sampled_from(sorted(reading.INDEX.named_spans)),
        st.sampled_from(sorted({scope for row in reading.INDEX.emitters for scope in row.scopes})),
        st.booleans(),
    )
    def test_garbage(self, attributes: dict[str, Any], name: str, scope: str, failed: bool) -> None:  # noqa: FBT001 -- generated
        """Any value under any known key is read or refused."""
        before = repr(attributes)
        event = reading.read(SpanData(name, 1, 1, 0, "INTERNAL", scope, "1.0", 0, 1, attributes, failed=failed))
        assert isinstance(event.kind, Kind)
        assert before == repr(attributes)

    @pytest.mark.parametrize("key", KEYS)
    def test_each_key(self, key: str) -> None:
        """Every key refuses what is no value, and says nothing about tokens or money then."""
        values: tuple[Any, ...] = (
            True,
            float("nan"),
            -1,
            b"1",
            "{",
            "[" * 3000,
            '{"a":' * 3000,
            "x" * 10_000_000,
            ["a"],
            {"a": {}},
            None,
        )
        for value in values:
            event = reading.read(SpanData("s", 1, 1, 0, "INTERNAL", "", "", 0, 1, {key: value}))
            assert (None, None) == (event.usage, event.recorded_pusd)

    def test_numbers_too_long_to_write(self) -> None:
        """Python itself refuses to read very long integers; that is not raised either."""
        text = "{" + "9" * 5000 + ": 1, 'input_tokens': 5}"
        event = reading.read(SpanData("s", 1, 1, 0, "INTERNAL", "", "", 0, 1, {"mlflow.chat.tokenUsage": text}))
        assert event.usage is not None
        assert 5 == event.usage.prompt_tokens

    def test_every_table(self) -> None:
        """The keys are those of all conventions."""
        assert {key for table in CONVENTIONS for key in table.session} <= set(KEYS)
