"""Which session an event of a trace belongs to, and the totals of each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import set_span_in_context

from otel_session_agg import PriceBook, Rollup, SessionRecord, SessionSpanProcessor, Settings, session
from otel_session_agg._trace import attribution, cross_trace
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.trace import Corrected, Released, Trace
from otel_session_agg._trace.trace_calls import MAX_CALLS
from otel_session_agg.testing import RecordingExporter
from tests.support.deadlines import release_due
from tests.unit.trace.test_engine import CHAT, data, new

TOKENS = 11
"""Of one call."""
TOOL = {"openinference.span.kind": "TOOL"}
AGENT = {"openinference.span.kind": "AGENT"}

Rows = list[tuple[int, "int | None", dict[str, Any]]]
"""Spans: id, parent, attributes."""


def strong(name: str) -> dict[str, Any]:
    """An id that is set for a session."""
    return {"session.id": name}


def weak(name: str) -> dict[str, Any]:
    """An id that a framework sets by itself."""
    return {"gen_ai.conversation.id": name}


def ended(rows: Rows, order: list[int] | None = None) -> tuple[Engine, Trace]:
    """All spans start, then they end: by default the last first, so children before their parents."""
    engine, out = new()
    by_id = {row[0]: row for row in rows}
    for span_id, parent_id, _ in rows:
        engine.started(1, span_id, parent_id, out)
    for span_id in order or [row[0] for row in reversed(rows)]:
        engine.ended(data(span_id, by_id[span_id][1], by_id[span_id][2], start_ns=span_id, end_ns=100 + span_id), span_id, 0, out)
    [trace] = [item.trace for item in out if isinstance(item, Released)]
    return engine, trace


def found(engine: Engine, trace: Trace) -> dict[str | None, tuple[int, int]]:
    """Events and tokens of each session."""
    return {name: (rollup.num_events, rollup.total_tokens or 0) for name, rollup in engine.totals.rollups(trace).items()}


class TestOneSession:
    """A trace in which at most one session is named."""

    @pytest.mark.parametrize("name", [strong, weak])
    @pytest.mark.parametrize("where", [1, 2, 3, 4])
    def test_anywhere(self, where: int, name: Callable[[str], dict[str, Any]]) -> None:
        """Whichever span names it, all events of the trace are in it."""
        rows: Rows = [(1, None, {}), (2, 1, AGENT), (3, 2, CHAT), (4, 1, CHAT)]
        rows = [(span_id, parent_id, {**own, **(name("s") if span_id == where else {})}) for span_id, parent_id, own in rows]
        assert {"s": (3, 2 * TOKENS)} == found(*ended(rows))

    def test_nowhere(self) -> None:
        """Without any, the events are in none that is known."""
        assert {None: (2, TOKENS)} == found(*ended([(1, None, {}), (2, 1, AGENT), (3, 2, CHAT)]))

    def test_nothing_below(self) -> None:
        """A root alone is in its session, too."""
        assert {"s": (0, 0)} == found(*ended([(1, None, strong("s"))]))

    def test_root_is_a_call(self) -> None:
        """So is the root's own event."""
        assert {"s": (1, TOKENS)} == found(*ended([(1, None, {**CHAT, **strong("s")})]))


class TestStrong:
    """Ids that are set for sessions."""

    def test_own(self) -> None:
        """An event's own id is the one that counts."""
        rows: Rows = [(1, None, strong("r")), (2, 1, {**CHAT, **strong("a")}), (3, 1, {**CHAT, **strong("b")}), (4, 1, CHAT)]
        assert {"r": (1, TOKENS), "a": (1, TOKENS), "b": (1, TOKENS)} == found(*ended(rows))

    def test_nearest(self) -> None:
        """Without one, that of the nearest ancestor."""
        rows: Rows = [
            (1, None, strong("r")),
            (2, 1, {**AGENT, **strong("a")}),
            (3, 2, AGENT),
            (4, 3, CHAT),
            (5, 3, {**AGENT, **strong("b")}),
            (6, 5, CHAT),
        ]
        assert {"r": (0, 0), "a": (3, TOKENS), "b": (2, TOKENS)} == {"r": (0, 0), **found(*ended(rows))}

    def test_order(self) -> None:
        """Whether the ancestor ends before or after does not matter, as long as both are there in the end."""
        rows: Rows = [(1, None, {}), (2, 1, {**AGENT, **strong("a")}), (3, 2, CHAT), (4, 1, {**CHAT, **strong("b")})]
        assert {"a": (2, TOKENS), "b": (1, TOKENS)} == found(*ended(rows))

    def test_root_names_none(self) -> None:
        """What no ancestor owns is in the session that was named first in the trace."""
        rows: Rows = [(1, None, {}), (2, 1, {**CHAT, **strong("a")}), (3, 1, {**CHAT, **strong("b")}), (4, 1, CHAT)]
        assert {"a": (2, 2 * TOKENS), "b": (1, TOKENS)} == found(*ended(rows))

    def test_tools(self) -> None:
        """Tools, errors and times go with the event."""
        rows: Rows = [(1, None, strong("r")), (2, 1, {**AGENT, **strong("a")}), (3, 2, TOOL), (4, 1, TOOL)]
        engine, trace = ended(rows)
        rollups = engine.totals.rollups(trace)
        assert [1, 1] == [rollups[name].num_tool_events for name in "ra"]
        assert [(2, 103), (1, 104)] == [(rollups[name].start_ns, rollups[name].end_ns) for name in "ar"]


class TestWeak:
    """Ids of conversations and threads."""

    def test_outermost(self) -> None:
        """Sub-agents name conversations of their own: the outermost counts."""
        rows: Rows = [
            (1, None, {}),
            (2, 1, {**AGENT, **weak("outer")}),
            (3, 2, {**AGENT, **weak("inner")}),
            (4, 3, {**CHAT, **weak("innermost")}),
            (5, 2, CHAT),
        ]
        assert {"outer": (4, 2 * TOKENS)} == found(*ended(rows))

    def test_root(self) -> None:
        """The root's is the outermost of all."""
        rows: Rows = [(1, None, weak("r")), (2, 1, {**AGENT, **weak("a")}), (3, 2, CHAT)]
        assert {"r": (2, TOKENS)} == found(*ended(rows))

    def test_side_by_side(self) -> None:
        """Two that are not one inside the other are two sessions."""
        rows: Rows = [
            (1, None, {}),
            (2, 1, {**AGENT, **weak("a")}),
            (3, 2, CHAT),
            (4, 1, {**AGENT, **weak("b")}),
            (5, 4, CHAT),
        ]
        assert {"a": (2, TOKENS), "b": (2, TOKENS)} == found(*ended(rows))


class TestStrongBeatsWeak:
    """Both kinds in one trace."""

    def test_inside(self) -> None:
        """A conversation inside a session is in that."""
        rows: Rows = [(1, None, {}), (2, 1, {**AGENT, **strong("s")}), (3, 2, {**AGENT, **weak("w")}), (4, 3, CHAT)]
        assert {"s": (3, TOKENS)} == found(*ended(rows))

    def test_around(self) -> None:
        """A session inside a conversation is its own; what is beside it is in the session of the trace."""
        rows: Rows = [(1, None, {}), (2, 1, {**AGENT, **weak("w")}), (3, 2, {**CHAT, **strong("s")}), (4, 2, CHAT)]
        assert {"s": (3, 2 * TOKENS)} == found(*ended(rows))

    def test_around_root(self) -> None:
        """The same where the conversation is the root's."""
        rows: Rows = [(1, None, weak("w")), (2, 1, {**CHAT, **strong("s")}), (3, 1, CHAT)]
        assert {"s": (2, 2 * TOKENS)} == found(*ended(rows))

    def test_on_one_span(self) -> None:
        """A span that names both is in the session."""
        rows: Rows = [(1, None, {}), (2, 1, {**CHAT, **strong("s"), **weak("w")})]
        assert {"s": (1, TOKENS)} == found(*ended(rows))

    def test_root(self) -> None:
        """The root's session holds for conversations below."""
        rows: Rows = [(1, None, strong("r")), (2, 1, {**AGENT, **weak("w")}), (3, 2, CHAT)]
        assert {"r": (2, TOKENS)} == found(*ended(rows))


def batch(sizes: list[int], root: dict[str, Any], name: Callable[[str], dict[str, Any]] = strong) -> Rows:
    """A job that works through items, each a session with some calls, below one root."""
    rows: Rows = [(1, None, root)]
    for number, size in enumerate(sizes):
        item = len(rows) + 1
        rows.append((item, 1, {**AGENT, **name(f"item-{number}")}))
        rows += [(item + index, item, CHAT) for index in range(1, size + 1)]
    return rows


def _named(attributes: dict[str, Any]) -> str:
    return str(attributes.get("session.id") or attributes.get("gen_ai.conversation.id"))


class TestBatch:
    """Many sessions below one root."""

    @given(st.lists(st.integers(0, 3), min_size=1, max_size=8), st.booleans(), st.sampled_from([strong, weak]), st.data())
    def test_own(
        self,
        sizes: list[int],
        has_own: bool,  # noqa: FBT001 -- drawn
        name: Callable[[str], dict[str, Any]],
        drawn: st.DataObject,
    ) -> None:
        """Each gets exactly its own events, tokens and cost, and together they are what the root gets."""
        rows = batch(sizes, strong("job") if has_own and name is strong else {}, name)
        items = [row[0] for row in rows[1:] if row[1] == 1]
        below = [[row[0] for row in rows if row[1] == item] for item in items]
        order = [span_id for index in drawn.draw(st.permutations(range(len(items)))) for span_id in [*below[index], items[index]]]
        engine, trace = ended(rows, [*order, 1])
        rollups = engine.totals.rollups(trace)
        expected = {f"item-{number}": (1 + size, TOKENS * size, TOKENS * size) for number, size in enumerate(sizes)}
        got = {key: (one.num_events, one.total_tokens or 0, one.cost_pusd) for key, one in rollups.items()}
        assert expected == {key: row for key, row in got.items() if key != "job"}
        whole = engine.totals.rollup(trace)
        assert (1 + len(rows) - 2, TOKENS * sum(sizes)) == (whole.num_events, whole.total_tokens or 0)

    def test_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Beyond the bound, events are in the session of the trace, and none is lost."""
        monkeypatch.setattr(attribution, "MAX_SESSIONS", 4)
        rows = batch([2] * 20, strong("job"))
        got = found(*ended(rows))
        assert {f"item-{number}" for number in range(16, 20)} == got.keys() - {"job"}
        assert (60, 40 * TOKENS) == tuple(sum(row[index] for row in got.values()) for index in (0, 1))
        assert {(3, 2 * TOKENS)} == {row for name, row in got.items() if name != "job"}

    def test_bound_without_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the root names none, that is the one which was named first."""
        monkeypatch.setattr(attribution, "MAX_SESSIONS", 4)
        got = found(*ended(batch([1] * 10, {})))
        assert (20, 10 * TOKENS) == tuple(sum(row[index] for row in got.values()) for index in (0, 1))
        assert len(got) <= 5

    @pytest.mark.parametrize("name", [strong, weak])
    def test_settled_early(self, name: Callable[[str], dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
        """Calls that are added up for good because there are too many are in their sessions all the same."""
        monkeypatch.setattr(cross_trace, "MAX_RECENT_CALLS", 3)
        rows = batch([4, 5, 6], {}, name)
        owner = {row[0]: row[2] for row in rows if row[1] == 1}
        rows = [
            (span_id, above, {**own, **(name(_named(owner[above])) if above in owner else {})}) for span_id, above, own in rows
        ]
        expected = {f"item-{number}": (1 + size, size * TOKENS) for number, size in enumerate([4, 5, 6])}
        assert expected == found(*ended(rows))

    def test_window(self) -> None:
        """A session of more calls than are kept open for corrections has all of them."""
        number = MAX_CALLS + 20
        rows: Rows = [(1, None, {}), (2, 1, {**AGENT, **strong("a")}), (3, 1, {**AGENT, **strong("b")})]
        rows += [(4 + index, 2 + index % 2, {**CHAT, **strong("ab"[index % 2])}) for index in range(2 * number)]
        assert {"a": (number + 1, number * TOKENS), "b": (number + 1, number * TOKENS)} == found(*ended(rows))


class TestLate:
    """Spans that end after the root left."""

    def test_own_session(self) -> None:
        """One that names a session is in that, also when the trace did not know it before."""
        engine, out = new()
        engine.started(1, 1, None, out)
        for span_id in (2, 3):
            engine.started(1, span_id, 1, out)
        engine.ended(data(2, 1, {**CHAT, **strong("a")}), 2, 0, out)
        engine.ended(data(1, None), 1, 0, out)
        release_due(engine, 10, out)
        [trace] = [item.trace for item in out if isinstance(item, Released)]
        assert {"a": (1, TOKENS)} == found(engine, trace)
        engine.ended(data(3, 1, {**CHAT, **strong("b")}), 3, 11, out)
        assert [trace] == [item.trace for item in out if isinstance(item, Corrected)]
        assert {"a": (1, TOKENS), "b": (1, TOKENS)} == found(engine, trace)

    def test_names_it_late(self) -> None:
        """An ancestor that ends late takes what is below it into its session."""
        engine, out = new()
        engine.started(1, 1, None, out)
        engine.started(1, 2, 1, out)
        engine.started(1, 3, 2, out)
        engine.ended(data(3, 2, CHAT), 3, 0, out)
        engine.ended(data(1, None, strong("r")), 1, 0, out)
        release_due(engine, 10, out)
        [trace] = [item.trace for item in out if isinstance(item, Released)]
        assert {"r": (1, TOKENS)} == found(engine, trace)
        engine.ended(data(2, 1, {**AGENT, **strong("a")}), 2, 11, out)
        rollups = engine.totals.rollups(trace)
        assert {"a": (2, TOKENS), "r": (0, 0)} == {
            name: (rollup.num_events, rollup.total_tokens or 0) for name, rollup in {"r": Rollup(), **rollups}.items()
        }


class TestConflicts:
    """Sessions beside the first one of a trace."""

    def test_counted(self) -> None:
        """Each event with another id than the trace's is counted."""
        engine, _ = ended(batch([0, 0, 0], {}))
        assert {"session_id_conflict": 2} == engine.unread

    def test_names(self) -> None:
        """All sessions that a trace is in, or may be in, are known."""
        rows: Rows = [
            (1, None, {}),
            (2, 1, {**CHAT, **weak("w")}),
            (3, 1, {**CHAT, **strong("a")}),
            (4, 1, {**CHAT, **strong("b")}),
        ]
        _, trace = ended(rows)
        assert {"w", "a", "b"} >= trace.attribution.names() >= {"a", "b"}


class Application:
    """The real SDK, with what comes out of it."""

    def __init__(self) -> None:
        self.exporter = RecordingExporter()
        self.records: dict[str, SessionRecord] = {}
        self.processor = SessionSpanProcessor(
            self.exporter,
            settings=Settings(session_records=False),
            prices=PriceBook({"*": {"input": 1_000_000, "output": 1_000_000}}),
            on_session=lambda record: self.records.setdefault(record.session_id, record),
        )
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(self.processor)
        self.tracer = self.provider.get_tracer("tests")

    def shut_down(self) -> dict[str, tuple[int, int, float | None]]:
        """End it; events, tokens and cost of each session."""
        self.provider.shutdown()
        rollups = {name: record.rollup for name, record in self.records.items()}
        return {name: (one.num_events, one.total_tokens or 0, one.cost_usd) for name, one in rollups.items()}


@pytest.fixture
def application() -> Iterator[Application]:
    """An application that is shut down in the end."""
    made = Application()
    yield made
    made.provider.shutdown()


class TestSdk:
    """Through the real SDK."""

    def test_batch(self, application: Application) -> None:
        """A job over many sessions: each has its own, and the root has the sum."""
        with application.tracer.start_as_current_span("job"):
            for number in range(5):
                with session(f"item-{number}"), application.tracer.start_as_current_span("work", attributes=AGENT):
                    for _ in range(number):
                        application.tracer.start_span("chat", attributes=CHAT).end()
        expected = {f"item-{number}": (1 + number, TOKENS * number, float(TOKENS * number)) for number in range(5)}
        assert expected == application.shut_down()
        [root] = application.exporter.roots
        assert (15, 110.0) == tuple((root.attributes or {})[f"metadata.{name}"] for name in ("num_events", "cost"))

    def test_nested(self, application: Application) -> None:
        """Inside the inner block, the inner session holds; each record has only its own."""
        with session("outer"), application.tracer.start_as_current_span("root"):
            application.tracer.start_span("chat", attributes=CHAT).end()
            with session("inner"):
                application.tracer.start_span("chat", attributes=CHAT).end()
                application.tracer.start_span("chat", attributes=CHAT).end()
        assert {"outer": (1, 11, 11.0), "inner": (2, 22, 22.0)} == application.shut_down()

    def test_late(self, application: Application) -> None:
        """A span that ends after its root left is in its own session."""
        root = application.tracer.start_span("root", attributes=strong("a"))
        late = application.tracer.start_span("chat", set_span_in_context(root), attributes={**CHAT, **strong("b")})
        root.end()
        application.provider.force_flush()
        late.end()
        assert {"a": (0, 0, 0.0), "b": (1, 11, 11.0)} == application.shut_down()
