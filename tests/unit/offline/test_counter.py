"""Counting whole traces."""

from __future__ import annotations

import json
from functools import reduce
from operator import add

import pytest
from opentelemetry.sdk.resources import Resource as SdkResource
from opentelemetry.sdk.trace import TracerProvider

from otel_session_agg import Rollup, SessionSpanProcessor, Settings, explain
from otel_session_agg._history.tables import COUNTED, SESSIONS_ONLY
from otel_session_agg._model.replayed import ReplayedCall
from otel_session_agg._model.session_sums import sum_of_totals
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._offline.counter import CountedTrace, TraceCounter
from otel_session_agg._offline.options import Options
from otel_session_agg._offline.source_spans import Resource, SourceSpan
from otel_session_agg._spans.given import as_made, data_of
from otel_session_agg._trace import cross_trace
from otel_session_agg.testing import RecordingExporter
from tests.support.offline import SERVICE, call, counted, stored_span
from tests.support.replay import real_prices

_CHAT = {"session.id": "chat-1"}


def _costs(calls: list[ReplayedCall]) -> list[int | None]:
    return [one.cost_pusd for one in calls]


def _whole(found: list[CountedTrace]) -> Rollup:
    return reduce(add, [one.trace.rollup for one in found], Rollup())


class TestTraces:
    """What a trace comes to."""

    def test_session(self) -> None:
        """It belongs to the session that a span states, and its part is all of it."""
        [one] = counted([stored_span(1), call(2, 1, attributes=_CHAT)])
        [part] = one.parts
        assert ("chat-1", "chat-1", 1) == (one.trace.session_id, part.session_id, one.trace.root_id)
        assert one.trace.rollup == part.totals.rollup
        assert 210_000_000 == one.trace.rollup.cost_pusd
        assert (1, 1) == (part.totals.num_turns, part.totals.num_traces)

    def test_no_session(self) -> None:
        """A trace without a session id is a session of its own."""
        [one] = counted([stored_span(1, trace_id=255), call(2, 1, trace_id=255)])
        assert [f"{255:032x}"] == [part.session_id for part in one.parts]

    def test_together(self) -> None:
        """What a session gets of all traces is the sum of its parts."""
        own = [{} if number % 2 else {"session.id": "s2"} for number in range(12)]
        rows = [
            [
                stored_span(1, trace_id=number, at=number, attributes={"session.id": f"s{number % 3}", "user.id": f"u{number}"}),
                call(2, 1, trace_id=number, at=number, attributes=own[number]),
            ]
            for number in range(1, 12)
        ]
        wanted = (COUNTED, SESSIONS_ONLY)
        plain = Settings(outputs=False)  # no table of sessions has them
        counters = [TraceCounter(Options(plain, tables=one), Options().price_book()) for one in wanted]
        for spans in rows:
            for counter in counters:
                counter.add(SourceSpan(span, SERVICE) for span in spans)
        parts: dict[str, list[SessionTotals]] = {}
        for part in (part for one in counters[0].results() for part in one.parts):
            parts.setdefault(part.session_id, []).append(part.totals)
        assert {name: sum_of_totals(its) for name, its in parts.items()} == {
            part.session_id: part.totals for part in counters[1].sessions()
        }
        assert (22, 3) == (counters[1].num_spans, len(parts))

    def test_two_sessions(self) -> None:
        """Spans of two sessions in one trace count in their own."""
        [one] = counted([stored_span(1), call(2, 1, attributes={"session.id": "a"}), call(3, 1, attributes={"session.id": "b"})])
        assert {"a": 1, "b": 1} == {part.session_id: part.totals.rollup.num_model_events for part in one.parts}
        assert {2: "a", 3: "b"} == {row.span_id: row.session_id for row in one.calls}

    def test_parts_of_processes(self) -> None:
        """Roots in the middle of a trace are in the session of the root that begins it."""
        part = stored_span(3, None, is_part=True)
        [one] = counted([stored_span(1, attributes=_CHAT), call(2, 1), part, call(4, 3)])
        assert ["chat-1"] == [part.session_id for part in one.parts]
        assert (2, 1, None) == (one.trace.rollup.num_model_events, one.trace.root_id, one.trace.partial)

    def test_no_root(self) -> None:
        """Without its root a trace counts all the same, and is partial."""
        [one] = counted([call(2, 1), call(3, 1)])
        assert (2, None, "no_root") == (one.trace.rollup.num_model_events, one.trace.root_id, one.trace.partial)

    def test_dimensions_without_root(self) -> None:
        """While its root runs, or when it is lost, a trace has the dimensions of the resource that all of its spans have."""
        spans = [call(number, 1, attributes={"session.id": "chat-1"}) for number in (2, 3)]
        for same, expected in ((True, {"service.name": "shop"}), (False, {})):
            counter = TraceCounter(Options(), real_prices())
            names = ["shop", "shop" if same else "other"]
            counter.add(SourceSpan(span, Resource({"service.name": name})) for span, name in zip(spans, names, strict=True))
            [part] = [part for one in counter.results() for part in one.parts]
            assert ("chat-1", expected) == (part.session_id, part.totals.dimension_values)

    def test_repeated_span(self) -> None:
        """A span that is there twice counts once, as it was when it ended, whatever comes first."""
        early, late = call(2, 1, tokens=(1, 1)), call(2, 1, tokens=(5, 5), end_ns=2**61)
        for seed in range(4):
            [one] = counted([stored_span(1), early, late, late], seed=seed)
            assert (10, 2) == (one.trace.rollup.total_tokens, one.trace.num_spans)

    def test_user_and_dimensions(self) -> None:
        """Its user and dimensions are those of its root and resource."""
        [one] = counted([stored_span(1, attributes={**_CHAT, "user.id": "ada"}), call(2, 1)])
        assert ("ada", {"user.id": "ada", "service.name": "shop"}) == (one.trace.user_id, dict(one.trace.dimensions))

    def test_as_explained(self) -> None:
        """Many traces at once come to what `explain` says of them, in any order."""
        spans = [
            span
            for trace_id in range(1, 60)
            for span in (
                stored_span(1, trace_id=trace_id, at=trace_id),
                stored_span(2, 1, trace_id=trace_id, at=trace_id, attributes={"session.id": f"s{trace_id % 7}"}),
                call(3, 2, trace_id=trace_id, at=trace_id, tokens=(trace_id, 2)),
                call(4, 9, trace_id=trace_id, at=trace_id, status_description="boom", failed=True),
            )
        ]
        expected = explain(spans).rollup
        for seed in range(3):
            assert expected == _whole(counted(spans, seed=seed))


class TestCalls:
    """The calls of a trace."""

    def test_what_counts(self) -> None:
        """A repeat names the span that counts, and costs nothing."""
        agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"}
        tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
        [one] = counted(
            [
                stored_span(1),
                stored_span(2, 1, attributes={**agent, "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100}),
                stored_span(3, 2, attributes=tool),
                call(4, 3, tokens=(600, 50)),
                call(5, 3, tokens=(400, 50)),
            ]
        )
        rows = {row.span_id: row for row in one.calls}
        assert (False, 4, "sum", None) == (rows[2].counts, rows[2].lost_to, rows[2].rule, rows[2].cost_pusd)
        assert ("planner", "search", 120_000_000) == (rows[4].agent, rows[4].tool, rows[4].cost_pusd)

    def test_root(self) -> None:
        """A root that is a call itself is one of them."""
        [one] = counted([call(1, None)])
        assert [(1, 210_000_000)] == [(row.span_id, row.cost_pusd) for row in one.calls]

    def test_all_of_many(self) -> None:
        """They are all there where a trace has more than an engine keeps."""
        [one] = counted([stored_span(1, end_ns=2**61), *(call(number, 1) for number in range(2, 1500))])
        assert 1498 == len(one.calls)
        assert one.trace.rollup.cost_pusd == sum(cost or 0 for cost in _costs(one.calls))

    def test_two_traces(self) -> None:
        """A call that two traces report counts in one of them."""
        mine = call(1, None, at=1, attributes={"gen_ai.response.id": "r-1"}, scope_name="one")
        other = call(1, None, trace_id=2, at=1, attributes={"gen_ai.response.id": "r-1"}, scope_name="two")
        found = counted([mine, other])
        assert 210_000_000 == _whole(found).cost_pusd
        assert [True, False] == sorted((row.counts for one in found for row in one.calls), reverse=True)

    def test_sessions_of_roots(self) -> None:
        """Of several roots of a trace, each has its own session, and its calls are in that."""
        other = stored_span(3, None, at=0, attributes={"gen_ai.conversation.id": "b"})
        [one] = counted([call(1, None), stored_span(2, 1, attributes=_CHAT), other])
        parts = {part.session_id: part.totals.rollup.cost_pusd for part in one.parts if part.totals.rollup.cost_pusd}
        assert {"chat-1": 210_000_000} == parts
        assert ["chat-1"] == [row.session_id for row in one.calls]

    def test_two_traces_of_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It does so however many calls follow: those that ended long before are decided about on the way."""
        monkeypatch.setattr(cross_trace, "MAX_CALLS", 8)
        counter = TraceCounter(Options(), Options().price_book())
        for number in range(1, 41):
            ids = {"gen_ai.response.id": f"r-{number}"}
            for trace_id, scope in ((number, "one"), (100 + number, "two")):
                span = call(1, None, trace_id=trace_id, at=3 * number, attributes=ids, scope_name=scope)
                counter.add([SourceSpan(span, SERVICE)])
        assert 40 * 210_000_000 == _whole(list(counter.results())).cost_pusd


class TestPrices:
    """Other prices than those of a call's time."""

    def test_own(self) -> None:
        """Prices of one's own hold."""
        [one] = counted([call(1, None, model="mine")], Options(prices={"mine": {"input": 1, "output": 2}}))
        assert 1_200_000_000 == one.trace.rollup.cost_pusd

    def test_recorded(self) -> None:
        """A recorded cost counts, unless it is ignored."""
        span = call(1, None, attributes={"gen_ai.usage.cost": 0.5})
        assert [500_000_000_000] == _costs(counted([span])[0].calls)
        assert [210_000_000] == _costs(counted([span], Options(recorded_cost="ignore"))[0].calls)

    def test_at(self) -> None:
        """Calls are priced as of another time: o3 became cheaper on 10 June 2025."""
        span = call(1, None, model="o3")
        at_ns = 1_746_000_000 * 10**9
        before, now = (counted([span], Options(prices_at_ns=one))[0].trace.rollup.cost_pusd for one in (at_ns, None))
        assert before > now


class TestRoots:
    """What is written on roots."""

    def test_as_processor(self) -> None:
        """It is what a processor writes that sees the same spans; nothing is changed where that has written."""
        exporter, provider = RecordingExporter(), TracerProvider(resource=SdkResource({"service.name": "shop"}))
        provider.add_span_processor(SessionSpanProcessor(exporter))
        tracer = provider.get_tracer("app")
        with tracer.start_as_current_span("root", attributes={"session.id": "chat-1", "user.id": "ada", "own": 1}):
            tracer.start_span("chat", attributes=dict(call(1, None).attributes)).end()
        provider.shutdown()
        spans = [found[0] for span in exporter.spans if (found := data_of(span)) is not None]
        options = Options(with_roots=True)
        [one] = counted(spans, options)
        assert [{}] == [dict(row.attributes) for row in one.on_roots]
        bare = [as_made(span) for span in spans]
        [again] = counted(bare, options)
        [root], [own] = exporter.roots, [span for span in bare if span.parent_id is None]
        assert dict(root.attributes or {}) == {**own.attributes, **again.on_roots[0].attributes}

    def test_stale(self) -> None:
        """Totals of an earlier run that do not hold any more are removed."""
        stale = {"metadata.rollup": "trace", "metadata.cost": 5.0, "metadata.num_errors": 3}
        [one] = counted([stored_span(1, attributes=stale), call(2, 1, model="unknown-model")], Options(with_roots=True))
        changes = one.on_roots[0].attributes
        assert (None, None, 1) == (
            changes["metadata.cost"],
            changes["metadata.num_errors"],
            changes["metadata.num_unpriced_events"],
        )

    @pytest.mark.parametrize("turn", [1, -1])
    def test_copies(self, turn: int) -> None:
        """A root that is there twice has the same totals twice, and nothing of an earlier run; what else it states stays."""
        more = {f"more.{number}": number for number in range(9)}  # the copy that says most is counted
        kept = stored_span(1, attributes={"session.id": "a", "one": 1, **more})
        stale = {
            "metadata.rollup": "trace",
            "metadata.cost": 5.0,
            "metadata.num_errors": 3,
            "metadata": '{"cost": 5, "plan": "pro"}',
        }
        copies = [kept, stored_span(1, attributes={**stale, "session.id": "a", "one": 2, "only": "here"}), call(2, 1)]
        [[changes]] = [[root.attributes for root in one.on_roots] for one in counted(copies[::turn], Options(with_roots=True))]
        roots = [{**root.attributes, **changes} for root in copies[:2]]
        assert [(1, None), (2, "here")] == [(root["one"], root.get("only")) for root in roots]
        assert [(0.00021, None)] * 2 == [(root["metadata.cost"], root.get("metadata.num_errors")) for root in roots]
        assert {"plan": "pro"} == json.loads(roots[1]["metadata"])

    def test_several(self) -> None:
        """Of several roots in one trace, each has its own totals; the first has those of parts, too."""
        roots = [stored_span(1, at=1), stored_span(5, at=2)]
        part = stored_span(7, None, is_part=True, at=3)
        [one] = counted([*roots, call(2, 1), call(6, 5), part, call(8, 7)], Options(with_roots=True))
        written = {root.span_id: root.attributes["metadata.num_model_events"] for root in one.on_roots}
        assert ({1: 2, 5: 1, 7: 1}, 3) == (written, one.trace.rollup.num_model_events)

    def test_own_metadata(self) -> None:
        """Totals inside a root's own metadata are not taken for metadata of the session."""
        stale = {"metadata": '{"plan": "pro", "cost": 5, "num_events": 3}', "metadata.rollup": "trace"}
        spans = [stored_span(1, attributes={**stale, "session.id": "a"}), call(2, 1)]
        [one] = counted(spans, Options(with_roots=True))
        assert {"plan": "pro"} == one.parts[0].totals.metadata_as_json()
        assert 0.00021 == json.loads(one.on_roots[0].attributes["metadata"])["cost"]
