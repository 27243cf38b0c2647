"""Laws 2 and 5: the totals of a session depend on what happened, and on nothing else.

Neither on how it is split over traces and processes, nor on the order in which things arrive, nor on what the store is told
twice, late or by processes that die.
Processes are real processors with the real SDK; their workers and the threads that talk to the store are moved by hand, so
that each example runs the same way every time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, StatusCode, TraceFlags, set_span_in_context

from otel_session_agg import PriceBook, Rollup, SessionRecord, SessionSpanProcessor, Settings
from otel_session_agg._model.breakdown import NO_ROWS, Breakdown, BreakdownRow
from otel_session_agg._model.by_dimension import NO_DIMENSIONS, ByDimension
from otel_session_agg._model.coverage import NO_TIME, Coverage
from otel_session_agg._model.details import Details
from otel_session_agg._model.dimensions import Dimension
from otel_session_agg._model.latencies import Latencies
from otel_session_agg._model.rollup import At
from otel_session_agg._model.session_totals import MAX_LINKS, Member, SessionTotals
from otel_session_agg._model.turns import Turn
from otel_session_agg._sdk import turns, worker
from otel_session_agg._sharing import store_queue, store_turns
from otel_session_agg._sharing.decoding import decode
from otel_session_agg._sharing.keys import RECORD
from otel_session_agg._sharing.store_worker import StoreWorker
from otel_session_agg.stores import MemoryStore, SessionStore, Slot, Stored
from otel_session_agg.testing import FakeClock

_PRICES = PriceBook({"*": {"input": 1_000_000, "output": 2_000_000}})
"""One dollar a token in, two out."""
_LINGER_SECONDS = 2.0
_SETTINGS = {
    "linger_seconds": _LINGER_SECONDS,
    "session_records": False,
    "store_outputs": True,
    "dimensions": ("tenant",),
    "breakdown_by": ("tenant",),
}
_slow = settings(deadline=None, suppress_health_check=list(HealthCheck))


# -- what happens -----------------------------------------------------------------------------------------------------------


class Node(NamedTuple):
    """A span of a session."""

    span_id: int
    parent_id: int | None
    kind: str
    """``root`` is a root that is no event itself."""
    trace_id: int
    session_id: str
    process: int
    is_cut: bool = False
    """It is the first of its trace in another request: a root whose parent is remote."""
    is_stamped: bool = True
    """It names its session."""
    tokens: tuple[int, int] | None = None
    error: str | None = None
    output: str | None = None
    has_feedback: bool = False
    start_ns: int = 0
    end_ns: int = 0

    @property
    def name(self) -> str:
        """Its name, which is that of the agent or tool."""
        return f"n{self.span_id % 4}"

    @property
    def is_root(self) -> bool:
        """It is the root of a trace, or of what one process has of it."""
        return self.parent_id is None or self.is_cut

    def attributes(self) -> dict[str, Any]:
        """As an instrumentation writes them."""
        found: dict[str, Any] = {"session.id": self.session_id} if self.is_stamped else {}
        if self.kind != "root":
            found["openinference.span.kind"] = "LLM" if self.kind == "model" else self.kind.upper()
        if self.kind == "model":
            found["llm.model_name"] = f"m{self.span_id % 3}"
        if self.tokens is not None:
            found["llm.token_count.prompt"], found["llm.token_count.completion"] = self.tokens
        if self.output is not None:
            found["output.value"] = self.output
        if self.is_root:
            found["tenant"] = self.tenant
        return found

    @property
    def tenant(self) -> str:
        """What roots state."""
        return f"t{self.span_id % 3}"


def rollup_of(nodes: Sequence[Node]) -> Rollup:
    """The totals of spans, added up by hand."""
    events = [node for node in nodes if node.kind != "root"]
    calls = [node.tokens for node in nodes if node.tokens is not None]
    prompt, completion = (sum(call[at] for call in calls) if calls else None for at in (0, 1))
    outputs = [At(node.end_ns, node.span_id, node.output) for node in events if node.output is not None]
    errors = [At(node.end_ns, node.span_id, node.error) for node in events if node.error is not None]
    return Rollup(
        num_events=len(events),
        num_model_events=sum(node.kind == "model" for node in events),
        num_tool_events=sum(node.kind == "tool" for node in events),
        num_errors=len(errors),
        num_computed=len(calls),
        num_winners=len(calls),
        cost_pusd=((prompt or 0) + 2 * (completion or 0)) * 10**12,
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion if prompt is not None and completion is not None else None,
        has_feedback=any(node.has_feedback for node in nodes),
        start_ns=min((node.start_ns for node in nodes), default=None),
        end_ns=max((node.end_ns for node in nodes), default=None),
        models=frozenset(f"m{node.span_id % 3}" for node in nodes if node.kind == "model"),
        output=max(outputs, default=None),
        error=max(errors, default=None),
        details=details_of(nodes),
    )


def details_of(nodes: Sequence[Node]) -> Details:
    """What these totals are made of, added up by hand.

    A process does not know the agents and tools that are above its part of a trace in another one.
    """
    by_id = {node.span_id: node for node in nodes}
    calls = [node for node in nodes if node.kind == "model"]
    tools = [node for node in nodes if node.kind == "tool"]
    rows: dict[str, list[tuple[str, BreakdownRow]]] = {"model": [], "agent": [], "tool": []}
    parts: dict[int, list[Node]] = {}
    for node in nodes:
        parts.setdefault(_path(node, by_id)[-1].span_id, []).append(node)
    for node in calls:
        row = _row(node)
        rows["model"].append((f"m{node.span_id % 3}", row))
        for kind in ("agent", "tool"):
            above = next((one for one in _path(node, by_id) if one.kind == kind), None)
            if above is not None:
                its = row if kind == "agent" else row._replace(num_calls=0, num_errors=0, duration_ns=0)
                rows[kind].append((above.name, its))
    rows["tool"] += [
        (node.name, BreakdownRow(1, int(node.error is not None), duration_ns=node.end_ns - node.start_ns)) for node in tools
    ]
    by_model, by_agent, by_tool = (
        reduce(add, [Breakdown({name: row}) for name, row in found], Breakdown()) for found in rows.values()
    )
    return Details(
        by_model,
        by_agent,
        by_tool,
        model_time=Coverage.of([(node.start_ns, node.end_ns) for node in calls]),
        tool_time=Coverage.of([(node.start_ns, node.end_ns) for node in tools]),
        busy_time=Coverage.of([(min(n.start_ns for n in part), max(n.end_ns for n in part)) for part in parts.values()]),
        latencies=Latencies.of([node.end_ns - node.start_ns for node in calls]),
        first_answer_ns=min((node.end_ns for node in calls if node.error is None), default=None),
        by_dimension=ByDimension(
            {"tenant": reduce(add, [Breakdown({_path(node, by_id)[-1].tenant: _row(node)}) for node in calls], Breakdown())}
        ),
    )


def _path(node: Node, by_id: dict[int, Node]) -> list[Node]:
    """A span and those above it in the same process."""
    path = [node]
    while not path[-1].is_root and path[-1].parent_id in by_id:
        path.append(by_id[path[-1].parent_id or 0])
    return path


def _row(node: Node) -> BreakdownRow:
    """What a model call counts."""
    prompt, completion = node.tokens or (0, 0)
    return BreakdownRow(
        1,
        int(node.error is not None),
        prompt,
        completion,
        prompt + completion,
        cost_pusd=(prompt + 2 * completion) * 10**12,
        num_priced=1,
        duration_ns=node.end_ns - node.start_ns,
    )


def totals_of(nodes: Sequence[Node]) -> SessionTotals:
    """The totals of a session, added up by hand."""
    roots = [node for node in nodes if node.parent_id is None]
    parts = [node for node in nodes if node.is_cut]
    members = sorted(Member(node.start_ns, node.trace_id, node.span_id) for node in (*roots, *parts))
    first = min((node for node in (*roots, *parts)), key=lambda node: (node.start_ns, node.span_id), default=None)
    return SessionTotals(
        rollup_of(nodes),
        traces=frozenset(node.trace_id for node in nodes),
        members=tuple(members[:MAX_LINKS]),
        num_roots=len(roots),
        root_ns=sum(node.end_ns - node.start_ns for node in roots),
        num_parts=len(parts),
        part_ns=sum(node.end_ns - node.start_ns for node in parts),
        dimensions={"tenant": Dimension(first.start_ns, first.span_id, first.tenant)} if first is not None else {},
    )


def dearest_of(nodes: Sequence[Node]) -> Turn | None:
    """The trace that cost most, found by hand."""
    by_trace = {node.trace_id: rollup_of([one for one in nodes if one.trace_id == node.trace_id]) for node in nodes}
    turns = [Turn(one.cost_pusd, trace_id, one.total_tokens) for trace_id, one in by_trace.items() if one.num_computed]
    return max(turns, key=lambda turn: (turn.cost_pusd, turn.trace_id), default=None)


_KINDS = ("model", "model", "tool", "agent", "chain", "retriever")
_LEAF_ONLY = frozenset({"model"})
"""Only the innermost state usage: an agent's sum in one process cannot be held against a call in another."""


@st.composite
def sessions(draw: st.DrawFn, *, max_processes: int = 3, cuts: bool = True) -> list[Node]:
    """Sessions of one to three traces each, cut and spread over processes."""
    nodes: list[Node] = []
    for session_id in draw(st.sampled_from([["a"], ["a", "b"]])):
        is_stamped = draw(st.booleans())
        num_traces = draw(st.integers(1, 3))
        for _ in range(num_traces):
            nodes += _trace(draw, session_id, len(nodes), max_processes, cuts=cuts, is_stamped=is_stamped or not cuts)
    return nodes


def _trace(draw: st.DrawFn, session_id: str, known: int, max_processes: int, *, cuts: bool, is_stamped: bool) -> list[Node]:
    first = known + 1
    process = st.integers(0, max_processes - 1)
    nodes = [Node(first, None, "root", first, session_id, draw(process))]
    for span_id in range(first + 1, first + 1 + draw(st.integers(0, 5))):
        above = draw(st.sampled_from([node for node in nodes if node.kind not in _LEAF_ONLY]))
        kind = draw(st.sampled_from(_KINDS))
        is_cut = cuts and draw(st.booleans())
        nodes.append(
            Node(
                span_id,
                above.span_id,
                kind,
                first,
                session_id,
                draw(process) if is_cut else above.process,
                is_cut,
                is_stamped,
                draw(st.tuples(st.integers(0, 99), st.integers(1, 99))) if kind == "model" else None,
                draw(st.none() | st.just(f"bad {span_id}")),
                draw(st.none() | st.just(f"said {span_id}")),
                draw(st.integers(0, 5)) == 0,
            )
        )
    return _timed(nodes)


def _timed(nodes: list[Node]) -> list[Node]:
    """Each inside the time of its parent; all traces begin at the same time, as the pieces of one trace would."""
    clock = 1000
    done: dict[int, Node] = {}

    def walk(node: Node) -> None:
        nonlocal clock
        start = clock = clock + 1
        for child in nodes:
            if child.parent_id == node.span_id:
                walk(child)
        clock += 1
        done[node.span_id] = node._replace(start_ns=start, end_ns=clock)

    walk(nodes[0])
    return [done[node.span_id] for node in nodes]


def any_order(nodes: Sequence[Node], chance: random.Random) -> list[tuple[bool, Node]]:
    """Starts (``False``) and ends in some order in which they can happen: a start is behind that of the parent."""
    by_id = {node.span_id: node for node in nodes}
    waiting = [(False, node) for node in nodes]
    started: set[int] = set()
    found = []
    while waiting:
        able = [row for row in waiting if row[0] or row[1].parent_id is None or row[1].parent_id in started]
        row = chance.choice(able)
        waiting.remove(row)
        found.append(row)
        if not row[0]:
            started.add(row[1].span_id)
            waiting.append((True, by_id[row[1].span_id]))
    return found


# -- processes --------------------------------------------------------------------------------------------------------------


class _Ids(IdGenerator):
    """The ids that are wanted next."""

    def __init__(self) -> None:
        self.trace_id = self.span_id = 1

    def generate_trace_id(self) -> int:
        """Of the trace."""
        return self.trace_id

    def generate_span_id(self) -> int:
        """Of the span."""
        return self.span_id


class Sink(SpanProcessor):
    """Where spans go."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Keep it."""
        self.spans.append(span)


class _Written(MemoryStore):
    """A store that remembers all that was ever written to it."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.values: list[bytes] = []

    def put(self, slots: Sequence[Slot], **more: Any) -> list[bool]:
        self.values += [slot.value for slot in slots]
        return super().put(slots, **more)


class Process:
    """What one process of an application does."""

    def __init__(self, store: SessionStore | None, clock: FakeClock | None, **more: Any) -> None:
        self.sink = Sink()
        self.records: list[SessionRecord] = []
        self.processor = SessionSpanProcessor(
            self.sink,
            settings=Settings(**{**_SETTINGS, **more}),
            prices=_PRICES,
            store="memory://" if store is None else store,
            on_session=self.records.append,
        )
        if clock is not None:
            self.processor._span_worker.clock = clock
        self._ids = _Ids()
        provider = TracerProvider(id_generator=self._ids, shutdown_on_exit=False)
        provider.add_span_processor(self.processor)
        self._tracer = provider.get_tracer("tests")
        self._spans: dict[int, Span] = {}

    def start(self, node: Node) -> None:
        """A span begins."""
        self._ids.trace_id, self._ids.span_id = node.trace_id, node.span_id
        span = self._tracer.start_span(node.name, self._around(node), attributes=node.attributes(), start_time=node.start_ns)
        assert isinstance(span, Span)
        self._spans[node.span_id] = span

    def _around(self, node: Node) -> Context:
        if node.parent_id is None:
            return Context()
        if node.is_cut:
            above = SpanContext(node.trace_id, node.parent_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
            return set_span_in_context(NonRecordingSpan(above), Context())
        return set_span_in_context(self._spans[node.parent_id], Context())

    def end(self, node: Node) -> None:
        """A span ends."""
        span = self._spans[node.span_id]
        if node.error is not None:
            span.set_status(StatusCode.ERROR, node.error)
        if node.has_feedback:
            span.add_event("gen_ai.evaluation.result", {"gen_ai.evaluation.score.value": 1.0})
        span.end(node.end_ns)

    def turn(self) -> None:
        """One turn of the worker."""
        self.processor._span_worker.turn()

    def talk(self) -> None:
        """One turn of the thread that talks to the store, if it has anything to do."""
        store_thread = self.processor._span_worker.pipeline.store_worker
        if store_thread is not None and store_thread.turns.pause() <= 0:
            store_thread.turns.turn()

    def flush(self) -> None:
        """All that is known leaves."""
        assert self.processor.force_flush()
        assert {} == self.processor._span_worker.faults()


def _flush_by_hand(store_thread: StoreWorker, _until: float) -> bool:
    store_thread.queue.in_haste = True
    store_thread.turns.retry_at = 0.0
    for _ in range(100):
        store_thread.turns.turn()
        if not store_thread.queue.in_haste:
            break
    assert not store_thread.queue.in_haste
    return not store_thread.turns.is_down


@contextmanager
def by_hand(clock: FakeClock) -> Iterator[None]:
    """No threads: the test moves everything, and time passes when it says so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker.SpanWorker, "wake_worker", lambda self: setattr(self, "awake", True))
        patch.setattr(StoreWorker, "_begin", lambda _: None)
        patch.setattr(StoreWorker, "flush", _flush_by_hand)
        patch.setattr(store_turns, "time", _Time(clock))
        patch.setattr(store_queue, "time", _Time(clock))
        patch.setattr(turns.TurnWorker, "begin", lambda _: False)
        yield


@dataclass
class _Time:
    """The module of that name, as far as it is used."""

    monotonic: Callable[[], float]

    sleep: Callable[[float], None] = time.sleep
    """For threads of processors that other tests have left to themselves."""

    def time_ns(self) -> int:
        """By the same clock."""
        return int(self.monotonic() * 1e9)


def read(store: SessionStore, session_id: str) -> SessionTotals:
    """What a reader finds of a session."""
    [stored] = store.get([f"s:{session_id}"])
    return reduce(add, (decode(value) for writer, value in stored.slots.items() if writer != RECORD), SessionTotals())


def plain(totals: SessionTotals, session_id: str) -> SessionTotals:
    """Totals without the name of their session, which has to be right, and without what depends on the way.

    That is when it began last, and what is on the roots that had to leave.
    """
    named = totals.rollup.session
    assert named is not None
    assert session_id == named.value
    return _unnamed(totals)


def root_tells(totals: SessionTotals, processes: Sequence[Process]) -> bool:
    """Whether an exported root of a session has its totals."""
    rollup = totals.rollup
    expected = (rollup.num_events, rollup.total_tokens or 0, rollup.cost_usd, rollup.has_feedback)
    names = ("metadata.num_events", "metadata.total_tokens", "metadata.cost", "metadata.has_feedback")
    written = [span.attributes or {} for process in processes for span in process.sink.spans]
    return any(expected == tuple(row.get(name) for name in names) for row in written if row.get("metadata.rollup") == "trace")


def of_session(nodes: Sequence[Node], session_id: str) -> list[Node]:
    """The spans of one session."""
    return [node for node in nodes if node.session_id == session_id]


def play(processes: Sequence[Process], nodes: Sequence[Node], chance: random.Random, clock: FakeClock) -> None:
    """Let everything happen in some order, with turns of all threads in between."""
    for is_end, node in any_order(nodes, chance):
        process = processes[node.process]
        (process.end if is_end else process.start)(node)
        for _ in range(chance.choice([0, 0, 1, 3])):
            one = chance.choice(processes)
            chance.choice([one.turn, one.talk])()
        if chance.random() < 0.1:
            clock.tick(chance.choice([0.05, 0.5, _LINGER_SECONDS]))


def played(nodes: Sequence[Node], chance: random.Random) -> tuple[MemoryStore, list[Process]]:
    """The store of three processes when all has happened and each was flushed; these."""
    clock = FakeClock(100.0)
    with by_hand(clock):
        store = MemoryStore(clock=clock)
        processes = [Process(store, clock) for _ in range(3)]
        play(processes, nodes, chance, clock)
        for process in chance.sample(processes, len(processes)):
            process.flush()
    return store, processes


class TestLaw2:
    """Any split over traces, processes and arrival orders gives the same session totals."""

    @_slow
    @given(sessions(), st.randoms(use_true_random=False))
    def test_processes(self, nodes: list[Node], chance: random.Random) -> None:
        """Cut anywhere, in any order, with whatever happens in between: after a flush of each process the totals are exact."""
        store, processes = played(nodes, chance)
        for session_id in {node.session_id for node in nodes}:
            assert totals_of(of_session(nodes, session_id)) == plain(read(store, session_id), session_id)
            assert root_tells(read(store, session_id), processes) or not read(store, session_id).are_on_root

    @_slow
    @given(sessions(), st.randoms(use_true_random=False))
    def test_unsplit(self, nodes: list[Node], chance: random.Random) -> None:
        """In one process without a store, each trace whole or in several roots, they are the same."""
        clock = FakeClock(100.0)
        with by_hand(clock):
            process = Process(None, clock)
            here = [node._replace(process=0) for node in nodes]
            play([process], here, chance, clock)
            process.flush()
            lifecycle = process.processor._span_worker.pipeline.manager.lifecycle
            for session in lifecycle:
                expected = totals_of(of_session(nodes, session.session_id))
                assert expected == plain(session.own, session.session_id)
                assert root_tells(session.own, [process]) or not session.own.are_on_root
            assert {node.session_id for node in nodes} == {session.session_id for session in lifecycle}

    @_slow
    @given(sessions(cuts=False), st.randoms(use_true_random=False))
    def test_dearest_turn(self, nodes: list[Node], chance: random.Random) -> None:
        """With each trace in one process, the dearest turn is exact, whatever was late."""
        store, _ = played(nodes, chance)
        for session_id in {node.session_id for node in nodes}:
            assert dearest_of(of_session(nodes, session_id)) == read(store, session_id).dearest_turn

    @settings(max_examples=settings().max_examples // 8)
    @given(sessions(), st.randoms(use_true_random=False))
    def test_threads(self, nodes: list[Node], chance: random.Random) -> None:
        """So they are with the threads that there are in life, and when each process is shut down."""
        store = MemoryStore()
        processes = [Process(store, None) for _ in range(3)]
        for is_end, node in any_order(nodes, chance):
            (processes[node.process].end if is_end else processes[node.process].start)(node)
        for process in chance.sample(processes, len(processes)):
            process.flush()
            process.processor.shutdown()
        for session_id in {node.session_id for node in nodes}:
            assert totals_of(of_session(nodes, session_id)) == plain(read(store, session_id), session_id)


def _of_two(part_process: int, **more: Any) -> list[Node]:
    """A root and one call in a part of its trace."""
    root = Node(1, None, "root", 1, "a", 0, start_ns=10, end_ns=90)
    call = Node(2, 1, "model", 1, "a", part_process, is_cut=True, tokens=(3, 4), output="hi", start_ns=20, end_ns=30)
    return [root, call._replace(**more)]


@pytest.fixture
def clock() -> Iterator[FakeClock]:
    """Time, with all threads moved by hand."""
    one = FakeClock(100.0)
    with by_hand(one):
        yield one


class TestEnded:
    """A session that one process ends while another has something of it that is not in the store."""

    @staticmethod
    def _spans(span_id: int, process: int, start_seconds: float) -> tuple[Node, Node]:
        start_ns = int(start_seconds * 1e9)
        root = Node(span_id, None, "root", span_id, "a", process, start_ns=start_ns, end_ns=start_ns + 9)
        call = Node(
            span_id + 1, span_id, "model", span_id, "a", process, tokens=(span_id, 0), start_ns=start_ns, end_ns=start_ns + 5
        )
        return root, call

    def _work(self, process: Process, span_id: int, start_seconds: float) -> None:
        root, call = self._spans(span_id, 0, start_seconds)
        process.start(root)
        process.start(call)
        process.end(call)
        process.end(root)
        process.turn()

    @staticmethod
    def _pass(clock: FakeClock, seconds: float, *processes: Process) -> list[tuple[int, int | None, str, bool]]:
        """Time passes in small steps, all threads go on; returns what was told by all of them."""
        for _ in range(int(seconds / 0.05)):
            clock.tick(0.05)
            for process in processes:
                process.talk()
                process.turn()
        assert all(process.processor._span_worker.callbacks.flush(time.monotonic() + 10) for process in processes)
        records = sorted((record for process in processes for record in process.records), key=lambda record: record.revision)
        return [(row.revision, row.rollup.total_tokens, row.end_reason, row.is_partial) for row in records]

    def test_late_part(self, clock: FakeClock) -> None:
        """What was done before the end and is written after it is in a second record, as soon as lingering is over."""
        store = MemoryStore(clock=clock)
        a, b, c = (Process(store, clock) for _ in range(3))
        self._work(a, 1, 50)
        self._pass(clock, 1, a)
        self._work(b, 20, 60)
        self._work(c, 300, 60)
        a.processor._aggregator.queries.end_session("a", "end_session")
        assert [(1, 1, "end_session", False)] == self._pass(clock, 1, a)
        assert [(1, 1, "end_session", False)] == self._pass(clock, _LINGER_SECONDS - 0.5, a, b, c)
        told = [(1, 1, "end_session", False), (2, 321, "end_session", False)]
        assert told == self._pass(clock, 1, a, b, c)
        assert told == self._pass(clock, 4000, a, b, c)

    def test_open_root(self, clock: FakeClock) -> None:
        """A root that is open in another process makes the record partial; a second one follows when it has ended."""
        store = MemoryStore(clock=clock)
        a, b = (Process(store, clock) for _ in range(2))
        self._work(a, 1, 50)
        root, call = self._spans(20, 0, 60)
        b.start(root)
        b.start(call)
        b.end(call)
        b.turn()
        self._pass(clock, 1, a, b)
        a.processor._aggregator.queries.end_session("a", "end_session")
        assert [(1, 21, "end_session", True)] == self._pass(clock, 10, a, b)
        b.end(root)
        b.turn()
        assert [(1, 21, "end_session", True), (2, 21, "end_session", False)] == self._pass(clock, 4, a, b)

    def test_comes_back(self, clock: FakeClock) -> None:
        """A root that began after the end opens the session again, until it is idle."""
        store = MemoryStore(clock=clock)
        a, b = (Process(store, clock, session_idle_seconds=60) for _ in range(2))
        self._work(a, 1, 50)
        self._pass(clock, 1, a)
        a.processor._aggregator.queries.end_session("a", "end_session")
        first = [(1, 1, "end_session", False)]
        assert first == self._pass(clock, 20, a, b)
        self._work(b, 20, clock())
        assert first == self._pass(clock, 50, a, b)
        assert [*first, (2, 21, "idle", False)] == self._pass(clock, 20, a, b)


class TestPartsOfTraces:
    """Orders that are rare and were wrong once."""

    def test_named_by_attributes(self, clock: FakeClock) -> None:
        """A session that only spans name is written while its first root is still open, and says that it is."""
        store = MemoryStore(clock=clock)
        process = Process(store, clock)
        call = Node(2, 1, "model", 1, "a", 0, tokens=(3, 4), start_ns=20, end_ns=30)
        process.start(Node(1, None, "root", 1, "a", 0, is_stamped=False, start_ns=10))
        process.start(call)
        process.end(call)
        for _ in range(25):
            process.turn()
            process.talk()
            clock.tick(0.05)
        found = read(store, "a")
        assert (7, 1) == (found.rollup.total_tokens, found.num_open)

    def test_only_the_root_of_a_part_names_it(self, clock: FakeClock) -> None:
        """A part whose only name is on its root span is in the session."""
        store = MemoryStore(clock=clock)
        _, call = _of_two(0)
        process = Process(store, clock)
        process.start(call)
        process.end(call)
        process.flush()
        assert totals_of([call]) == plain(read(store, "a"), "a")

    @pytest.mark.parametrize("is_shared", [False, True])
    def test_call_to_itself_that_ends_late(self, clock: FakeClock, is_shared: bool) -> None:  # noqa: FBT001 -- of the table
        """A part that names no session and ends after its root has left here is in the session of that."""
        store = MemoryStore(clock=clock)
        nodes = _of_two(0, is_stamped=False)
        process = Process(store if is_shared else None, clock)
        for node in nodes:
            process.start(node)
        process.end(nodes[0])
        process.turn()
        clock.tick(2 * _LINGER_SECONDS)
        process.turn()
        assert [1] == [span.context.span_id for span in process.sink.spans if span.context is not None]
        process.end(nodes[1])
        process.flush()
        session = process.processor._span_worker.pipeline.manager.lifecycle.get("a")
        assert session is not None
        assert totals_of(nodes) == plain(read(store, "a") if is_shared else session.own, "a")

    def test_store_is_not_asked_in_time(self, clock: FakeClock) -> None:
        """A root that leaves before the store could be asked looks for its parts as soon as it can."""
        store = MemoryStore(clock=clock)
        nodes = _of_two(1, is_stamped=False)
        caller, callee = Process(store, clock), Process(store, clock)
        caller.start(nodes[0])
        caller.end(nodes[0])
        caller.turn()
        callee.start(nodes[1])
        callee.end(nodes[1])
        callee.flush()
        clock.tick(2 * _LINGER_SECONDS)
        caller.turn()
        [root] = caller.sink.spans
        assert "store" == (root.attributes or {})["metadata.partial_reason"]
        caller.flush()
        assert totals_of(nodes) == plain(read(store, "a"), "a")

    def test_late_below_the_older_root(self, clock: FakeClock) -> None:
        """A span that ends late below one root is not taken for one below another that left after it."""
        nodes = _of_two(0)
        late = Node(3, 1, "model", 1, "a", 0, tokens=(5, 6), start_ns=40, end_ns=50)
        process = Process(None, clock)
        for node in (*nodes, late):
            process.start(node)
        process.end(nodes[0])
        process.turn()
        clock.tick(2 * _LINGER_SECONDS)
        process.turn()
        process.end(nodes[1])
        process.end(late)  # in one batch
        process.flush()
        session = process.processor._span_worker.pipeline.manager.lifecycle.get("a")
        assert session is not None
        assert totals_of([*nodes, late]) == plain(session.own, "a")

    @pytest.mark.parametrize("is_stamped", [False, True])
    @pytest.mark.parametrize("part_process", [0, 1])
    def test_output(self, clock: FakeClock, part_process: int, is_stamped: bool) -> None:  # noqa: FBT001 -- of the table
        """A root carries the output of its parts, wherever they ran."""
        store = MemoryStore(clock=clock)
        nodes = _of_two(part_process, is_stamped=is_stamped)
        processes = [Process(store, clock) for _ in range(2)]
        for node in nodes:
            processes[node.process].start(node)
        processes[part_process].end(nodes[1])
        processes[part_process].flush()
        processes[0].end(nodes[0])
        processes[0].flush()
        attributes = processes[0].sink.spans[-1].attributes or {}
        assert ("hi", 1, 7) == tuple(attributes[name] for name in ("outputs", "metadata.num_events", "metadata.total_tokens"))
        assert totals_of(nodes) == plain(read(store, "a"), "a")

    @pytest.mark.parametrize("part_process", [0, 1])
    @pytest.mark.parametrize("is_stamped", [False, True])
    def test_output_that_is_not_stored(self, clock: FakeClock, part_process: int, is_stamped: bool) -> None:  # noqa: FBT001
        """Unless it is asked for, no output is written to the store: a root has that of its own process, all else is as it is."""
        store = _Written(clock=clock)
        nodes = _of_two(part_process, is_stamped=is_stamped)
        late = nodes[1]._replace(span_id=9, output="hi, late", start_ns=40, end_ns=50)
        processes = [Process(store, clock, store_outputs=False) for _ in range(2)]
        for node in (*nodes, late):
            processes[node.process].start(node)
        processes[part_process].end(nodes[1])
        processes[part_process].flush()
        processes[0].end(nodes[0])
        processes[0].flush()
        processes[part_process].end(late)
        processes[part_process].flush()
        attributes = next(span.attributes or {} for span in processes[0].sink.spans if span.context.span_id == 1)
        assert ("hi" if part_process == 0 else None, 1) == (attributes.get("outputs"), attributes["metadata.num_events"])
        assert 14 == read(store, "a").rollup.total_tokens
        assert store.values
        assert [] == [value for value in store.values if b'"output"' in value]

    @pytest.mark.parametrize("off", [{"store_outputs": False}, {"outputs": False}])
    @pytest.mark.parametrize("part_process", [0, 1])
    def test_error_that_is_not_stored(self, clock: FakeClock, part_process: int, off: dict[str, bool]) -> None:
        """Nor is the text of an error, which may quote what users wrote; its type is."""
        store = _Written(clock=clock)
        nodes = [node._replace(error="BadRequestError: 400 'my secret' is no prompt") for node in _of_two(part_process)]
        processes = [Process(store, clock, **off) for _ in range(2)]
        for node in nodes:
            processes[node.process].start(node)
        for node in reversed(nodes):
            processes[node.process].end(node)
            processes[node.process].flush()
        assert [] == [value for value in store.values if b"secret" in value]
        error = read(store, "a").rollup.error
        assert error is not None
        assert "BadRequestError" == error.value

    def test_part_of_many_sessions(self, clock: FakeClock) -> None:
        """A part that works for many sessions is carried by its root, however much they said."""
        store = MemoryStore(clock=clock)
        root, part = _of_two(1, kind="agent", tokens=None, output=None, end_ns=80)
        calls = [
            Node(3 + number, 2, "model", 1, f"s{number}", 1, tokens=(1, 1), output="x" * 4000, start_ns=30, end_ns=40 + number)
            for number in range(400)
        ]
        processes = [Process(store, clock) for _ in range(2)]
        for node in (root, part, *calls):
            processes[node.process].start(node)
        for node in (*calls, part):
            processes[1].end(node)
        processes[1].flush()
        processes[0].end(root)
        processes[0].flush()
        attributes = processes[0].sink.spans[-1].attributes or {}
        assert (401, 800) == (attributes["metadata.num_events"], attributes["metadata.total_tokens"])
        found = _unnamed(read(store, "s0")).rollup
        expected, details = rollup_of(calls[:1]), found.details
        found = replace(found, details=replace(details, by_agent=NO_ROWS, by_dimension=expected.details.by_dimension))
        assert expected == found
        assert {"tenant": {"none": 1}} == {  # the root is in another session
            name: {value: row.num_calls for value, row in rows.items()} for name, rows in details.by_dimension.items()
        }
        assert {"n2": 1} == {name: row.num_calls for name, row in details.by_agent.items()}  # it ended after they were added up

    def test_changes_while_the_root_waits(self, clock: FakeClock) -> None:
        """A part of the same process that left and changes while its root waits is counted once."""
        store = MemoryStore(clock=clock)
        nodes = _of_two(0, is_stamped=False, kind="agent", tokens=None)
        call = Node(3, 2, "model", 1, "a", 0, is_stamped=False, tokens=(5, 6), start_ns=22, end_ns=24)
        process = Process(store, clock)
        for node in (*nodes, call):
            process.start(node)
        process.end(nodes[1])
        process.turn()
        clock.tick(2 * _LINGER_SECONDS)
        process.turn()
        process.end(nodes[0])
        process.turn()
        process.end(call)
        process.flush()
        assert totals_of([*nodes, call]) == plain(read(store, "a"), "a")


class TestLive:
    """The totals of a session at any moment."""

    @_slow
    @given(sessions(max_processes=1, cuts=False), st.randoms(use_true_random=False))
    def test_at_any_moment(self, nodes: list[Node], chance: random.Random) -> None:
        """They are those of all events that have ended by then."""
        clock = FakeClock(100.0)
        ended: dict[str, list[Node]] = {node.session_id: [] for node in nodes}
        with by_hand(clock):
            process = Process(None, clock)
            for is_end, node in any_order(nodes, chance):
                if is_end:
                    process.end(node)
                    ended[node.session_id] += [node] if node.kind != "root" else []
                else:
                    process.start(node)
                if chance.random() < 0.5:
                    session_id = chance.choice(sorted(ended))
                    expected = rollup_of(ended[session_id]) if ended[session_id] else None
                    assert _counts(expected) == _counts(process.processor._aggregator.queries.session_rollup(session_id))


def _counts(rollup: Rollup | None) -> Rollup:
    """All but times, which the root has a part in, texts, which are read when it leaves, and names of what is open."""
    details = replace(
        (rollup or Rollup()).details, busy_time=NO_TIME, by_agent=NO_ROWS, by_tool=NO_ROWS, by_dimension=NO_DIMENSIONS
    )
    return replace(rollup or Rollup(), start_ns=None, end_ns=None, output=None, error=None, session=None, details=details)


# -- law 5 ------------------------------------------------------------------------------------------------------------------


class Unsure(MemoryStore):
    """A store behind a bad network: what is put arrives late, twice, in another order, or again after newer values."""

    def __init__(self, clock: FakeClock, chance: random.Random) -> None:
        super().__init__(clock=clock)
        self._chance = chance
        self.arriving: list[Slot] = []
        """On their way."""
        self.sent: list[Slot] = []
        """All that was ever put."""
        self.faults = 0.0
        """How often a call fails, after it did what it was asked or before."""

    def put(self, slots: Sequence[Slot], *, ttl_seconds: float, due_seconds: float | None = None) -> list[bool]:
        """Take slots; some of them arrive later."""
        self._fail()
        self.sent += slots
        now = [slot for slot in slots if self._chance.random() < 0.7]
        self.arriving += [slot for slot in slots if slot not in now]
        now += [slot for slot in self.sent if self._chance.random() < 0.2]
        super().put(self._chance.sample(now, len(now)), ttl_seconds=ttl_seconds, due_seconds=due_seconds)
        self._fail()
        return [False] * len(slots)

    def get(self, keys: Sequence[str]) -> list[Stored]:
        """Read; it may fail."""
        self._fail()
        return super().get(keys)

    def settle_down(self) -> None:
        """Everything arrives that is on its way, the last first."""
        self.faults = 0.0
        super().put(self.arriving[::-1] + self.sent[::-1], ttl_seconds=1e6)

    def _fail(self) -> None:
        if self._chance.random() < self.faults:
            message = "no answer"
            raise ConnectionError(message)


class TestLaw5:
    """Delivering what a process has written again changes nothing."""

    @_slow
    @given(sessions(), st.randoms(use_true_random=False))
    def test_delivery(self, nodes: list[Node], chance: random.Random) -> None:
        """Late, twice, in any order: when everything has arrived, readers find each session's own totals."""
        clock = FakeClock(100.0)
        stamped = [node._replace(is_stamped=True) for node in nodes]
        with by_hand(clock):
            store = Unsure(clock, chance)
            processes = [Process(store, clock) for _ in range(3)]
            play(processes, stamped, chance, clock)
            for process in chance.sample(processes, len(processes)):
                process.flush()
            store.settle_down()
        for session_id in {node.session_id for node in nodes}:
            assert totals_of(of_session(nodes, session_id)) == plain(read(store, session_id), session_id)

    @_slow
    @given(sessions(), st.randoms(use_true_random=False), st.floats(0.1, 0.9))
    def test_faults(self, nodes: list[Node], chance: random.Random, faults: float) -> None:
        """A store that fails now and then, before or after it did what it was asked, has the same totals in the end."""
        clock = FakeClock(100.0)
        with by_hand(clock):
            store = _Failing(clock, chance)
            store.faults = faults
            processes = [Process(store, clock) for _ in range(3)]
            play(processes, nodes, chance, clock)
            for process in chance.sample(processes, len(processes)):
                process.processor.force_flush()
            store.faults = 0.0
            clock.tick(10.0)
            for process in chance.sample(processes, len(processes)):
                assert process.processor.force_flush()
        for session_id in {node.session_id for node in nodes}:
            assert totals_of(of_session(nodes, session_id)) == plain(read(store, session_id), session_id)

    @_slow
    @given(sessions(), st.randoms(use_true_random=False), st.data())
    def test_crashes(self, nodes: list[Node], chance: random.Random, data: st.DataObject) -> None:
        """A process that dies leaves what it had written; one that comes after it has a slot of its own."""
        clock = FakeClock(100.0)
        stamped = [node._replace(is_stamped=True, process=0) for node in nodes]
        stop = data.draw(st.integers(0, 2 * len(nodes)))
        with by_hand(clock):
            store = MemoryStore(clock=clock)
            first = Process(store, clock)
            play([first], _whole_traces(stamped, stop), chance, clock)
            written = {name: read(store, name) for name in "ab"}
            del first  # it dies: nothing is flushed
            again = Process(store, clock)
            rest = [node for node in stamped if node not in _whole_traces(stamped, stop)]
            play([again], rest, chance, clock)
            again.flush()
            for session_id in {node.session_id for node in rest}:
                expected = written[session_id] + totals_of(of_session(rest, session_id))
                assert _unnamed(expected) == _unnamed(read(store, session_id))
            for session_id in {node.session_id for node in nodes} - {node.session_id for node in rest}:
                assert written[session_id] == read(store, session_id)


class _Failing(Unsure):
    """What arrives arrives at once, but calls may fail before and after."""

    def put(self, slots: Sequence[Slot], *, ttl_seconds: float, due_seconds: float | None = None) -> list[bool]:
        """Take slots, or fail."""
        self._fail()
        found = MemoryStore.put(self, slots, ttl_seconds=ttl_seconds, due_seconds=due_seconds)
        self._fail()
        return found


def _whole_traces(nodes: Sequence[Node], stop: int) -> list[Node]:
    """The traces that begin before so many spans."""
    return [node for node in nodes if node.trace_id <= stop]


def _unnamed(totals: SessionTotals) -> SessionTotals:
    """Without what depends on the way, as ``plain`` has it, and without the name of the session."""
    return replace(
        totals,
        rollup=replace(totals.rollup, session=None),
        last_began_ns=0,
        last_root=None,
        root_events=0,
        has_root_feedback=False,
        dearest_turn=None,
    )
