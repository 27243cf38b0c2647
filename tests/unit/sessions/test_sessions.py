"""Session records, and sessions over many traces, through the real SDK."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags, set_span_in_context

from otel_session_agg import SessionRecord, SessionSpanProcessor, Settings, current_rollup, end_session, record_feedback, session
from otel_session_agg.stores import MemoryStore
from otel_session_agg.testing import RecordingExporter, make_span
from tests.support.apps import CALL, DEADLINE_SECONDS, PRICES, App, below, beyond, in_threads
from tests.support.builds import not_compiled

pytestmark = pytest.mark.oldest_sdk


def told(app: App) -> list[tuple[str, int, str]]:
    """Session, revision and reason of the records."""
    return [(record.session_id, record.revision, record.end_reason) for record in app.records]


def ids(span: ReadableSpan) -> tuple[int, int]:
    """Trace and span id."""
    assert span.context is not None
    return span.context.trace_id, span.context.span_id


def at(app: App, start_ms: int, end_ms: int, *, call_ms: tuple[int, int] | None = None, **attributes: Any) -> ReadableSpan:
    """A root with these times, with a call below it."""
    root = app.tracer.start_span("request", start_time=start_ms * 1_000_000, attributes=attributes)
    if call_ms is not None:
        call = app.tracer.start_span("chat", below(root), start_time=call_ms[0] * 1_000_000, attributes=CALL)
        call.end(call_ms[1] * 1_000_000)
    root.end(end_ms * 1_000_000)
    assert isinstance(root, ReadableSpan)
    return root


class TestBreakdownBy:
    """What a session came to for each user and tenant."""

    def test_each_trace_for_its_own(self, make: Callable[..., App]) -> None:
        """Each trace counts for its own user and tenant, also one that is known only below the root; the rows add up."""
        app = make(breakdown_by=("user.id", "tenant"))
        for user, tenant, number in (("ada", "acme", 1), ("bob", "acme", 2), (None, None, 3)):
            with session("s", user_id=user, metadata={"tenant": tenant} if tenant else None):
                root = app.tracer.start_span("request")
                for _ in range(number):
                    app.tracer.start_span("chat", below(root), attributes=CALL).end()
                root.end()
        root = app.tracer.start_span("request", attributes={"session.id": "s"})
        app.tracer.start_span("chat", below(root), attributes={**CALL, "user.id": "eve"}).end()
        root.end()
        end_session("s")
        app.provider.force_flush()
        rollup = app.records[0].rollup
        found = {name: {value: row.num_calls for value, row in rows.items()} for name, rows in rollup.by_dimension.items()}
        assert {"user.id": {"ada": 1, "bob": 2, "eve": 1, "none": 3}, "tenant": {"acme": 3, "none": 4}} == found
        assert [rollup.by_model.total] * 2 == [rows.total for rows in rollup.by_dimension.values()]
        record = next(span.attributes or {} for span in app.exporter.spans if span.name == "session")
        assert {"acme": 3, "none": 4} == {
            name: row["calls"] for name, row in json.loads(str(record["metadata.by_tenant"])).items()
        }
        assert "metadata.by_user.id" in record

    def test_late(self, make: Callable[..., App]) -> None:
        """A late span corrects the rows."""
        app = make(breakdown_by=("tenant",), linger_seconds=0)
        root = app.tracer.start_span("request", attributes={"session.id": "s", "tenant": "acme"})
        late = app.tracer.start_span("chat", below(root), attributes=CALL)
        root.end()
        app.provider.force_flush()
        late.end()
        end_session("s")
        app.provider.force_flush()
        rollup = app.records[-1].rollup
        assert {"acme": rollup.by_model.total} == dict(rollup.by_dimension["tenant"])


class TestRecordSpan:
    """The span named ``session``."""

    def test_attributes(self, make: Callable[..., App]) -> None:
        """It answers what is asked of a session: traces, cost, tokens, duration, average latency, events, and who and why."""
        app = make(breakdown=False)
        with session("s", user_id="u", metadata={"plan": "pro"}):
            for number, (start, end) in enumerate(((1000, 2000), (5000, 8000))):
                root = app.tracer.start_span("request", start_time=start * 1_000_000)
                call = app.tracer.start_span(
                    "chat",
                    below(root),
                    start_time=start * 1_000_000,
                    attributes={
                        **CALL,
                        "gen_ai.usage.cache_read.input_tokens": 3,
                        "gen_ai.usage.reasoning.output_tokens": 2,
                        "gen_ai.output.messages": f'[{{"role": "assistant", "parts": [{{"content": "answer {number}"}}]}}]',
                    },
                )
                call.end((end - 100) * 1_000_000)
                tool = app.tracer.start_span(
                    "tool", below(root), start_time=start * 1_000_000, attributes={"gen_ai.tool.name": "x"}
                )
                tool.set_status(StatusCode.ERROR, f"bad {number}")
                tool.end((end - 50) * 1_000_000)
                root.end(end * 1_000_000)
        end_session("s")
        app.flush()
        (span,) = app.named("session")
        expected = {
            "session.id": "s",
            "user.id": "u",
            "metadata.plan": "pro",
            "metadata.service.name": "shop",
            "metadata.rollup": "session",
            "metadata.num_traces": 2,
            "metadata.num_turns": 2,
            "metadata.average_turn_cost": 20.0,
            "metadata.average_turn_tokens": 15.0,
            "metadata.dearest_turn_cost": 20.0,
            "metadata.dearest_turn_tokens": 15,
            "metadata.dearest_turn_trace_id": f"{max(ids(root)[0] for root in app.named('request')):032x}",
            "metadata.num_events": 4,
            "metadata.num_model_events": 2,
            "metadata.num_tool_events": 2,
            "metadata.num_errors": 2,
            "metadata.prompt_tokens": 20,
            "metadata.completion_tokens": 10,
            "metadata.total_tokens": 30,
            "metadata.cache_read_tokens": 6,
            "metadata.reasoning_tokens": 4,
            "metadata.cost": 40.0,
            "metadata.cost_source": "computed",
            "metadata.models": ("m",),
            "metadata.has_feedback": False,
            "metadata.avg_trace_latency": 2000.0,
            "metadata.end_reason": "end_session",
            "metadata.revision": 1,
            "start_time": 1000,
            "end_time": 8000,
            "duration": 7000.0,
            "outputs": "answer 1",
            "error": "bad 1",
        }
        assert expected == dict(span.attributes or {})
        assert (8_000_000_000, 8_000_000_000) == (span.start_time, span.end_time)
        assert (SpanKind.INTERNAL, "shop") == (span.kind, span.resource.attributes["service.name"])
        assert [ids(root) for root in app.named("request")] == [
            (link.context.trace_id, link.context.span_id) for link in span.links
        ]
        assert span.instrumentation_scope is not None
        assert "otel_session_agg" == span.instrumentation_scope.name

    def test_value(self, app: App) -> None:
        """The callback gets the same as a value."""
        with session("s", user_id="u", metadata={"plan": "pro", "n": 1}):
            at(app, 1000, 2000, call_ms=(1000, 1500))
            at(app, 3000, 6000)
        end_session("s")
        app.flush()
        (record,) = app.records
        assert ("s", 1, "end_session", 2, 2000.0, False, "u", {"plan": "pro", "n": 1}) == (
            record.session_id,
            record.revision,
            record.end_reason,
            record.num_traces,
            record.average_trace_latency_ms,
            record.is_partial,
            record.user_id,
            record.metadata,
        )
        assert (15, 20.0, 5000.0) == (record.rollup.total_tokens, record.rollup.cost_usd, record.rollup.duration_ms)
        (span,) = app.named("session")
        assert (record.trace_id, record.span_id) == ids(span)
        assert [(link.context.trace_id, link.context.span_id) for link in span.links] == list(record.members)

    def test_links(self, app: App) -> None:
        """It links to the earliest 128 roots; all are counted."""
        with session("s"):
            roots = [at(app, 1000 * number, 1000 * number + 1) for number in reversed(range(1, 201))]
        end_session("s")
        app.flush()
        (span,) = app.named("session")
        assert 200 == (span.attributes or {})["metadata.num_traces"]
        expected = [ids(root) for root in reversed(roots)][:128]
        assert expected == [(link.context.trace_id, link.context.span_id) for link in span.links]

    def test_same_everywhere(self, make: Callable[..., App]) -> None:
        """The ids depend on what the record tells of only, so that backends see one record however often it is written."""

        def ids_of(session_id: str, revisions: int) -> list[tuple[int, int]]:
            app = make()
            for number in range(revisions):
                app.processor.on_end(make_span(trace_id=7 + number, span_id=8, attributes={**CALL, "session.id": session_id}))
                end_session(session_id)
                app.turn()
            app.provider.shutdown()  # another process knows nothing of it
            return [(record.trace_id, record.span_id) for record in app.records]

        first, second = ids_of("s", 2)
        assert [first, second] == ids_of("s", 2)
        assert 4 == len({first, second, *ids_of("other", 2)})
        assert all(0 < trace_id < 2**128 and 0 < span_id < 2**64 for trace_id, span_id in (first, second))

    @pytest.mark.parametrize("profile", ["honeyhive", "posthog"])
    def test_profiles(self, profile: str, make: Callable[..., App]) -> None:
        """Roots and records are written in all chosen profiles at once."""
        app = make(profiles=("default", profile), session_records=True)
        with session("s", user_id="u", metadata={"plan": "pro"}, end_on_exit=True):
            app.trace(2)
        app.flush()
        prefix = "honeyhive_metadata." if profile == "honeyhive" else "ai_session_"
        for name in ("request", "session"):
            found = app.attributes(name)
            assert (2, 2) == (found["metadata.num_events"], found[f"{prefix}num_events"])
        assert ("end_on_exit", 1, 1) == tuple(
            app.attributes("session")[f"{prefix}{key}"] for key in ("end_reason", "revision", "num_traces")
        )

    def test_phoenix(self, make: Callable[..., App]) -> None:
        """Roots and records have a kind and a text in OpenInference's words, and nothing that Phoenix sums."""
        app = make(profiles=("default", "phoenix"))
        with session("s", user_id="ada", end_on_exit=True):
            for _ in range(2):
                with app.tracer.start_as_current_span("request"):
                    app.call(**{"output.value": "Four."})
        app.flush()
        for span in (*app.named("request"), *app.named("session")):
            found = dict(span.attributes or {})
            names = ("openinference.span.kind", "output.value", "outputs", "session.id", "user.id")
            assert ("CHAIN", "Four.", "Four.", "s", "ada") == tuple(found.get(name) for name in names)
            assert not [name for name in found if name.startswith(("llm.", "gen_ai."))]

    @pytest.mark.parametrize("live", [False, True])
    def test_phoenix_by_hand(self, live: bool, make: Callable[..., App]) -> None:  # noqa: FBT001 -- of the table
        """A kind and an output that the root has stay, an agent of other conventions is one, and what may be a call gets no kind."""
        app = make(profiles=("default", "phoenix"), live=live)
        own: dict[str, dict[str, Any]] = {
            "mine": {"openinference.span.kind": "AGENT", "output.value": "mine"},
            "agent": {"gen_ai.operation.name": "invoke_agent"},
            "tool": {"gen_ai.tool.name": "x"},
            "unsure": {"gen_ai.request.model": "m"},
        }
        for name, attributes in own.items():
            with app.tracer.start_as_current_span(name, attributes=attributes):
                app.call(**{"output.value": "Four."})
        app.flush()
        found = {name: app.attributes(name) for name in own}
        kinds = {"mine": "AGENT", "agent": "AGENT", "tool": "TOOL", "unsure": None}
        assert kinds == {name: row.get("openinference.span.kind") for name, row in found.items()}
        outputs = {name: row["output.value"] for name, row in found.items()}
        assert {"mine": "mine", "agent": "Four.", "tool": "Four.", "unsure": "Four."} == outputs

    def test_all_profiles(self, make: Callable[..., App]) -> None:
        """All three at once do not get into each other's way."""
        app = make(profiles=("default", "honeyhive", "posthog"), session_records=True)
        with session("s", end_on_exit=True):
            app.trace(2)
        app.flush()
        for name in ("request", "session"):
            found = app.attributes(name)
            names = ("metadata.total_tokens", "honeyhive_metadata.total_tokens", "$ai_total_tokens")
            assert (30, 30, 30) == tuple(found[key] for key in names)
            assert ("s", "s", "s") == tuple(found[key] for key in ("session.id", "honeyhive.session_id", "$ai_session_id"))

    def test_without_default(self, make: Callable[..., App]) -> None:
        """Without the default profile its names are not written, but ``session.id`` stays where it was stamped."""
        app = make(profiles=("posthog",), session_records=True)
        with session("s", end_on_exit=True):
            app.trace(2)
        app.flush()
        assert not [name for name in app.attributes("request") if name.startswith("metadata.")]
        assert "metadata.num_traces" not in app.attributes("session")
        assert 1 == app.attributes("session")["ai_session_num_traces"]

    def test_switched_off(self, make: Callable[..., App]) -> None:
        """``session_records=False`` writes no span; the callback is called all the same."""
        app = make(session_records=False)
        with session("s", end_on_exit=True):
            app.trace(1)
        app.flush()
        assert [] == app.named("session")
        assert [("s", 1, "end_on_exit")] == told(app)

    def test_no_sessions(self, app: App) -> None:
        """Traces without a session have no record: their root is one."""
        app.trace(2)
        app.provider.shutdown()
        assert [] == app.named("session")
        assert [] == app.records
        assert "session.id" not in app.attributes("request")

    def test_conversation(self, app: App) -> None:
        """Sessions that instrumentations name have records as well."""
        app.trace(1, **{"gen_ai.conversation.id": "c"})
        app.trace(1, **{"gen_ai.conversation.id": "c"})
        end_session("c")
        app.flush()
        assert [("c", 2, 30)] == [(r.session_id, r.num_traces, r.rollup.total_tokens) for r in app.records]


def parent_of(span: ReadableSpan) -> tuple[int, int] | None:
    """Trace and span id of what a span is a child of."""
    return (span.parent.trace_id, span.parent.span_id) if span.parent is not None else None


class TestWhichRecords:
    """Which sessions a span named ``session`` tells of."""

    @pytest.mark.parametrize(("wanted", "expected"), [(True, ["one", "two"]), (False, []), ("auto", ["two"])])
    def test_setting(self, wanted: Any, expected: list[str], make: Callable[..., App]) -> None:
        """All, none, or those of more than one trace; the callback hears of all."""
        app = make(session_records=wanted)
        for name, number in (("one", 1), ("two", 2)):
            with session(name, user_id="u", end_on_exit=True):
                for _ in range(number):
                    app.trace(2)
        app.flush()
        assert expected == [(span.attributes or {})["session.id"] for span in app.named("session")]
        assert [("one", 1, "end_on_exit"), ("two", 1, "end_on_exit")] == told(app)
        assert [True, False] == [record.is_on_root for record in app.records]

    def test_default(self, make: Callable[..., App]) -> None:
        """By default a session of one trace has none, however it ends."""
        app = make(session_idle_seconds=50, linger_seconds=1)
        app.trace(2, **{"session.id": "idle"})
        app.turn(60)
        app.trace(2, **{"session.id": "shutdown"})
        app.provider.shutdown()
        assert ["idle", "shutdown"] == [record.session_id for record in app.records]
        assert [] == app.named("session")

    def test_feedback_in_time(self, app: App) -> None:
        """Feedback that the root tells of needs none."""
        with session("s", end_on_exit=True), app.tracer.start_as_current_span("request"):
            app.call()
            assert not app.named("request")
            record_feedback(1)
        app.flush()
        assert app.attributes("request")["metadata.has_feedback"] is True
        assert [] == app.named("session")

    def test_feedback_later(self, app: App) -> None:
        """Feedback that the root does not tell of is told of."""
        with session("s"):
            app.trace(1)
        app.flush()
        record_feedback(1, session_id="s")
        end_session("s")
        app.flush()
        assert app.attributes("request")["metadata.has_feedback"] is False
        assert app.attributes("session")["metadata.has_feedback"] is True

    def test_late_span(self, make: Callable[..., App]) -> None:
        """What the root of the only trace did not get is told of."""
        app = make(linger_seconds=5)
        root = app.tracer.start_span("request", attributes={"session.id": "s"})
        late = app.tracer.start_span("chat", below(root), attributes=CALL)
        root.end()
        app.turn()
        app.turn(6)
        late.end()
        end_session("s")
        app.flush()
        assert (0, 15) == tuple(app.attributes(name)["metadata.total_tokens"] for name in ("request", "session"))

    def test_many_sessions_in_a_trace(self, app: App) -> None:
        """A job's root has the totals of all its sessions, so each of them is told of."""
        job = app.tracer.start_span("job")
        for name in ("a", "b"):
            app.call(below(job), **{"session.id": name})
        job.end()
        for name in ("a", "b"):
            end_session(name)
        app.flush()
        found = {
            span.attributes["session.id"]: span.attributes["metadata.cost"] for span in app.named("session") if span.attributes
        }
        assert {"a": 20.0, "b": 20.0} == found
        assert {ids(job)} == {parent_of(span) for span in app.named("session")}  # type: ignore[arg-type]  # a span

    def test_parts(self, app: App) -> None:
        """A trace over several services is one: its root has all of it."""
        with session("s", end_on_exit=True), app.tracer.start_as_current_span("request") as root:
            app.call(beyond(root))
        app.flush()
        assert 15 == app.attributes("request")["metadata.total_tokens"]
        assert [] == app.named("session")

    def test_without_a_root(self, app: App) -> None:
        """What has no root is told of, below the first span that is there."""
        app.processor.on_end(make_span("chat", trace_id=7, span_id=8, parent_id=9, attributes={**CALL, "session.id": "s"}))
        app.provider.shutdown()
        assert (15, (7, 8)) == (app.attributes("session")["metadata.total_tokens"], parent_of(app.named("session")[0]))

    @pytest.mark.parametrize("number", [1, 2])
    def test_store(self, number: int, make: Callable[..., App]) -> None:
        """Whoever writes the record of a shared session knows what stands on the roots of others."""
        store = MemoryStore()
        first, second = make(store=store), make(store=store)
        for app in (first, second)[:number]:
            with session("s"), app.tracer.start_as_current_span("request"):
                app.call()
            app.flush()
        end_session("s")
        first.flush()
        second.flush()
        spans = [span for app in (first, second) for span in app.named("session")]
        assert number - 1 == len(spans)
        assert 1 == len(first.records) + len(second.records)


class TestPlace:
    """Where in traces and in time the span named ``session`` is."""

    def test_child(self, app: App) -> None:
        """It is a child of the root that ended last, in that trace, sampled, and no root."""
        with session("s", end_on_exit=True):
            long = at(app, 1000, 9000, call_ms=(1000, 2000))
            at(app, 3000, 4000)
        app.flush()
        (span,) = app.named("session")
        assert ids(long) == parent_of(span)
        assert ids(long)[0] == ids(span)[0]
        assert span.context is not None
        assert span.context.trace_flags.sampled
        assert ["request", "request"] == [root.name for root in app.exporter.roots]

    def test_no_length(self, app: App) -> None:
        """It begins and ends with the session's last event; when the session began and how long it took are attributes."""
        with session("s", end_on_exit=True):
            at(app, 1000, 2000)
            at(app, 3_600_000, 3_601_000)
        app.flush()
        (span,) = app.named("session")
        assert (3_601_000_000_000, 3_601_000_000_000) == (span.start_time, span.end_time)
        assert (1000, 3_601_000, 3_600_000.0) == tuple(
            (span.attributes or {})[name] for name in ("start_time", "end_time", "duration")
        )

    def test_beyond_links(self, app: App) -> None:
        """Of very many roots it is below the last one, too."""
        with session("s", end_on_exit=True):
            roots = [at(app, 1000 * number, 1000 * number + 1) for number in range(1, 201)]
        app.flush()
        assert ids(roots[-1]) == parent_of(app.named("session")[0])

    def test_unsampled(self, make: Callable[..., App]) -> None:
        """It is not put below a root that is not exported: it is below one that is, else a trace of its own."""
        app = make()
        silent = TracerProvider(sampler=RecordOnly(), shutdown_on_exit=False)
        silent.add_span_processor(app.processor)
        with session("s", end_on_exit=True):
            at(app, 1000, 2000)
            silent.get_tracer("tests").start_span("request", start_time=3_000_000_000).end(4_000_000_000)
        with session("t", end_on_exit=True):
            silent.get_tracer("tests").start_span("chat", attributes=CALL).end()
        app.flush()
        by_session = {(span.attributes or {})["session.id"]: parent_of(span) for span in app.named("session")}
        sampled = next(root for root in app.named("request") if root.context is not None and root.context.trace_flags.sampled)
        assert {"s": ids(sampled), "t": None} == by_session

    def test_other_process(self, make: Callable[..., App]) -> None:
        """Whoever writes it, it is below the last root of all processes."""
        store = MemoryStore()
        first, second = make(store=store), make(store=store)
        with session("s"):
            roots = [at(app, start, start + 1000, call_ms=(start, start + 1)) for app, start in ((first, 1000), (second, 5000))]
        first.flush()
        second.flush()
        end_session("s")
        first.flush()
        second.flush()
        (span,) = first.named("session") + second.named("session")
        assert ids(roots[1]) == parent_of(span)


class TestRollup:
    """What tells totals of traces from those of sessions."""

    def test_sum(self, make: Callable[..., App]) -> None:
        """The sum of the cost over what is of traces is the cost of all calls, however many records there are."""
        app = make(session_records=True)
        for name, number in (("one", 1), ("two", 2)):
            with session(name, end_on_exit=True):
                for _ in range(number):
                    app.trace(1)
        app.trace(1)
        app.flush()
        rows: list[Any] = [span.attributes for span in app.exporter.spans if "metadata.cost" in (span.attributes or {})]
        sums = {
            over: sum(row["metadata.cost"] for row in rows if row["metadata.rollup"] == over) for over in ("trace", "session")
        }
        assert {"trace": 80.0, "session": 60.0} == sums
        assert {"trace", "session"} == {row["metadata.rollup"] for row in rows}

    def test_part_here(self, app: App) -> None:
        """A root whose totals the root that begins the trace has, too, is of a part."""
        with app.tracer.start_as_current_span("request") as root:
            app.tracer.start_span("served", beyond(root), attributes=CALL).end()
        app.flush()
        assert {"request": ("trace", 20.0), "served": ("part", 20.0)} == {
            span.name: ((span.attributes or {})["metadata.rollup"], (span.attributes or {})["metadata.cost"])
            for span in app.exporter.roots
        }

    @pytest.mark.parametrize("is_shared", [True, False])
    def test_part_elsewhere(self, is_shared: bool, make: Callable[..., App]) -> None:  # noqa: FBT001 -- of the table
        """One below a root in another process is, too, if a store lets that have its totals."""
        app = make(store=MemoryStore() if is_shared else None)
        remote = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        app.tracer.start_span("served", set_span_in_context(NonRecordingSpan(remote), Context()), attributes=CALL).end()
        app.flush()
        assert ("part" if is_shared else "trace") == app.attributes("served")["metadata.rollup"]

    def test_live(self, make: Callable[..., App]) -> None:
        """Totals on an open root are of its trace."""
        app = make(live=True)
        app.trace(1)
        assert "trace" == app.attributes("request")["metadata.rollup"]


class TestBatch:
    """A job that works through sessions below one root."""

    def test_each_has_its_own(self, app: App) -> None:
        """Each session has its tokens, the trace and a link to the root; the root has them all."""
        root = app.tracer.start_span("job")
        for name in ("a", "b", "b"):
            with session(name):
                app.tracer.start_span("chat", below(root), attributes=CALL).end()
        root.end()
        app.turn()
        for name in ("a", "b"):
            end_session(name)
        app.turn()
        assert isinstance(root, ReadableSpan)
        found = {record.session_id: (record.rollup.num_model_events, record.num_traces, record.members) for record in app.records}
        assert {"a": (1, 1, (ids(root),)), "b": (2, 1, (ids(root),))} == found


class TestNoRoot:
    """Spans of a trace whose root never comes."""

    def test_session_has_them(self, app: App) -> None:
        """They are in their session's totals all the same."""
        app.processor.on_end(make_span("chat", trace_id=7, span_id=8, parent_id=9, attributes={**CALL, "session.id": "s"}))
        app.turn()
        app.provider.shutdown()
        assert [("s", 1)] == [(record.session_id, record.rollup.num_model_events) for record in app.records]

    def test_open_root(self, app: App) -> None:
        """So are those below a root that is open when the process ends."""
        root = app.tracer.start_span("job")
        app.tracer.start_span("chat", below(root), attributes={**CALL, "session.id": "s"}).end()
        app.turn()
        app.provider.shutdown()
        found = [(record.session_id, record.rollup.num_model_events, record.is_partial) for record in app.records]
        assert [("s", 1, True)] == found


class TestCallback:
    """``on_session``."""

    def test_raising(self, make: Callable[..., App], caplog: pytest.LogCaptureFixture) -> None:
        """A callback that raises harms nothing and is logged once."""
        seen: list[str] = []

        def bad(record: SessionRecord) -> None:
            seen.append(record.session_id)
            raise LookupError

        app = make(on_session=bad, session_records=True)
        for name in ("one", "two"):
            with session(name, end_on_exit=True):
                app.trace(1)
        app.flush()
        assert ["one", "two"] == seen
        assert 2 == len(app.named("session"))
        assert {"a callback": 2} == app.span_worker.faults()
        assert 1 == len([message for message in caplog.messages if "a callback failed: LookupError" in message])

    def test_not_on_our_thread(self, make: Callable[..., App]) -> None:
        """It is called on a thread of this library, so one that takes its time stops nobody."""
        go_on, done = threading.Event(), threading.Event()
        threads: list[threading.Thread] = []

        def slow(_: SessionRecord) -> None:
            threads.append(threading.current_thread())
            assert go_on.wait(DEADLINE_SECONDS)
            done.set()

        app = make(quiet=False, on_session=slow, session_records=True)
        with session("s", end_on_exit=True):
            app.trace(1)
        app.provider.force_flush(2000)
        assert ["chat", "request", "session"] == [span.name for span in app.exporter.spans]
        go_on.set()
        assert done.wait(DEADLINE_SECONDS)
        assert threading.current_thread() not in threads

    def test_uses_everything(self, make: Callable[..., App]) -> None:
        """It may trace, ask, flush and end sessions."""
        found: list[Any] = []
        made: list[App] = []
        done = threading.Event()

        def use(record: SessionRecord) -> None:
            if record.session_id == "s":
                (app,) = made
                with session("audit", end_on_exit=True):
                    app.trace(1)
                    rollup = current_rollup()
                    found.append(rollup.total_tokens if rollup is not None else None)
                found.append(app.provider.force_flush(5000))
                done.set()

        app = make(quiet=False, on_session=use, session_records=True)
        made.append(app)
        with session("s", end_on_exit=True):
            app.trace(2)
        assert done.wait(DEADLINE_SECONDS)
        assert [15, True] == found
        app.flush()
        assert ["audit", "s"] == sorted(str((span.attributes or {})["session.id"]) for span in app.named("session"))


class TestEnds:
    """Why and when a session ends."""

    def test_idle(self, make: Callable[..., App]) -> None:
        """Half an hour after the last thing happened, not earlier."""
        app = make()
        with session("s"):
            app.trace(1)
            app.turn()
            app.clock.tick(1000)
            app.trace(1)
            app.turn()
        app.turn(1799)
        assert [] == told(app)
        app.turn(1.5)
        assert [("s", 1, "idle")] == told(app)
        assert [30] == [record.rollup.total_tokens for record in app.records]

    def test_not_idle_while_open(self, app: App) -> None:
        """A session with an open trace is not idle."""
        with session("s"):
            root = app.tracer.start_span("request")
        app.turn()
        for _ in range(5):
            app.turn(1801)
        assert [] == told(app)
        root.end()
        app.turn()
        app.turn(1801)
        assert [("s", 1, "idle")] == told(app)

    def test_max_age(self, app: App) -> None:
        """A session that never rests ends after a day, with what it has, open traces included, and goes on as another revision."""
        with session("s"):
            root = app.tracer.start_span("request")
            for _ in range(60):
                app.call(below(root))
                app.trace(1)
                app.turn(1500)
            assert [("s", 1, "max_age")] == told(app)
            assert app.records[0].is_partial
            total = app.records[0].rollup.total_tokens
            assert total is not None
            assert 0 == total % 30  # the open trace has as many calls as the closed ones
            root.end()
        app.turn()
        app.turn(1801)
        assert [("s", 1, "max_age"), ("s", 2, "idle")] == told(app)
        assert (1800, False) == (app.records[1].rollup.total_tokens, app.records[1].is_partial)

    def test_max_sessions(self, make: Callable[..., App]) -> None:
        """Of too many sessions the one used longest ago ends."""
        app = make(max_sessions=3)
        for name in ("a", "b", "c", "a", "d", "e"):
            with session(name):
                app.trace(1)
            app.turn()
        assert [("b", 1, "max_sessions"), ("c", 1, "max_sessions")] == told(app)

    def test_shutdown(self, app: App) -> None:
        """Sessions of this process end with it, open traces included."""
        with session("done"):
            app.trace(2)
        with session("open"):
            root = app.tracer.start_span("request")
            app.call(below(root))
        app.provider.shutdown()
        assert {("done", 1, "shutdown"), ("open", 1, "shutdown")} == set(told(app))
        assert {"done": (30, False), "open": (15, True)} == {
            record.session_id: (record.rollup.total_tokens, record.is_partial) for record in app.records
        }
        assert "open_traces" == next(
            (span.attributes or {})["metadata.partial_reason"]
            for span in app.named("session")
            if (span.attributes or {})["session.id"] == "open"
        )

    def test_once(self, app: App) -> None:
        """Ending an ended session again makes no other record."""
        with session("s", end_on_exit=True):
            app.trace(1)
        for _ in range(3):
            end_session("s")
            app.turn(10)
        app.turn(5000)
        app.provider.shutdown()
        assert [("s", 1, "end_on_exit")] == told(app)

    def test_comes_back(self, app: App) -> None:
        """A session that comes back goes on: the next record has all of it."""
        for _ in range(3):
            with session("s", user_id="u", end_on_exit=True):
                app.trace(1)
            app.turn()
        assert [("s", number, "end_on_exit") for number in (1, 2, 3)] == told(app)
        assert [(15, 1), (30, 2), (45, 3)] == [(r.rollup.total_tokens, r.num_traces) for r in app.records]
        assert [2, 3] == [(span.attributes or {})["metadata.revision"] for span in app.named("session")]

    def test_same_label_goes_on(self, app: App) -> None:
        """One that is ended inside its own block goes on inside it."""
        with session("s", user_id="u", metadata={"plan": "pro"}) as block:
            app.trace(1)
            block.end()
            app.turn()
            app.trace(1)
            block.end()
            app.turn()
        assert [("s", 1, "end_session"), ("s", 2, "end_session")] == told(app)
        assert [("u", {"plan": "pro"})] * 2 == [(record.user_id, record.metadata) for record in app.records]

    def test_many_at_once(self, make: Callable[..., App]) -> None:
        """Many threads with many sessions: each record is exact."""
        app = make(quiet=False)

        def work(index: int) -> None:
            for number in range(10):
                with session(f"s{(index + number) % 10}"):
                    app.trace(1 + number)

        in_threads(8, work)
        for index in range(10):
            end_session(f"s{index}")
        app.flush()
        expected = {f"s{index}": 0 for index in range(10)}
        for index in range(8):
            for number in range(10):
                expected[f"s{(index + number) % 10}"] += 15 * (1 + number)
        assert expected == {record.session_id: record.rollup.total_tokens for record in app.records}
        assert {8} == {record.num_traces for record in app.records}


class TestLate:
    """Spans that end after their root left."""

    def test_forwarded_at_once(self, app: App) -> None:
        """A late span is forwarded at once and is in its session's totals."""
        with session("s") as block:
            root = app.tracer.start_span("request")
            late = app.tracer.start_span("chat", below(root), attributes=CALL)
            root.end()
        app.flush()
        assert ["request"] == [span.name for span in app.exporter.spans]
        late.end()
        app.turn()
        assert ["request", "chat"] == [span.name for span in app.exporter.spans]
        assert 15 == block.rollup().total_tokens
        assert ("force_flush", 0) == tuple(
            app.attributes("request")[f"metadata.{name}"] for name in ("partial_reason", "num_events")
        )

    def test_ended_session(self, app: App) -> None:
        """After the session ended a late span makes one more revision, a moment later, with the same reason."""
        with session("s", end_on_exit=True):
            root = app.tracer.start_span("request")
            late = [app.tracer.start_span("chat", below(root), attributes=CALL) for _ in range(3)]
            root.end()
        app.flush()
        app.turn(5.0)
        assert [("s", 1, "end_on_exit")] == told(app)
        assert app.records[0].is_partial
        for span in late:
            span.end()
        app.turn()
        assert [("s", 1, "end_on_exit")] == told(app)
        app.turn(5.0)
        assert [("s", 1, "end_on_exit"), ("s", 2, "end_on_exit")] == told(app)
        assert [(None, True), (45, False)] == [(r.rollup.total_tokens, r.is_partial) for r in app.records]

    @not_compiled
    def test_together(self, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
        """Late spans that are folded together reach their session in one step, and before a root of its that leaves after them."""
        with session("s") as block:
            root = app.tracer.start_span("request")
            late = [app.tracer.start_span("chat", below(root), attributes=CALL) for _ in range(100)]
            root.end()
        app.flush()
        manager = app.span_worker.pipeline.manager
        steps: list[Any] = []
        changed = manager.late_span_ended

        def counted(*given: Any) -> None:
            steps.append(given)
            changed(*given)

        monkeypatch.setattr(manager, "late_span_ended", counted)
        for number, span in enumerate(late):
            span.end()
            if number == 49:
                with session("s"):
                    app.tracer.start_span("another").end()
        app.turn()
        assert 2 == len(steps)
        assert 1500 == block.rollup().total_tokens
        assert 102 == len(app.exporter.spans)

    def test_trace_without_session(self, app: App) -> None:
        """A trace without a session is one itself: its root was revision 1, and late spans make a record of revision 2."""
        root = app.tracer.start_span("request")
        late = [app.tracer.start_span("chat", below(root), attributes=CALL) for _ in range(2)]
        app.call(below(root))
        root.end()
        app.flush()
        late[0].end()
        app.turn()
        assert [] == told(app)
        app.turn(5.0)
        name = f"{root.get_span_context().trace_id:032x}"
        assert [(name, 2, "late")] == told(app)
        assert [(30, 2, 1)] == [(r.rollup.total_tokens, r.rollup.num_events, r.num_traces) for r in app.records]
        assert [root.get_span_context().span_id] == [link.context.span_id for link in app.named("session")[0].links]
        late[1].end()
        app.turn()
        app.turn(5.0)
        assert [(name, 2, "late"), (name, 3, "late")] == told(app)
        assert 45 == app.records[1].rollup.total_tokens

    def test_late_id(self, app: App) -> None:
        """A trace whose session is only named by a late span is one of that session, with all that it has."""
        root = app.tracer.start_span("request")
        late = app.tracer.start_span("chat", below(root), attributes={**CALL, "session.id": "s"})
        app.call(below(root))
        root.end()
        app.flush()
        assert "session.id" not in app.attributes("request")
        late.end()
        end_session("s")
        app.turn()
        (record,) = app.records
        assert (30, 1) == (record.rollup.total_tokens, record.num_traces)
        assert ((root.get_span_context().trace_id, root.get_span_context().span_id),) == record.members

    def test_linger(self, app: App) -> None:
        """A root waits for what is open below it and then leaves marked partial."""
        with session("s"):
            root = app.tracer.start_span("request")
            late = app.tracer.start_span("chat", below(root), attributes=CALL)
            root.end()
        app.turn()
        app.turn(4.9)
        assert [] == app.named("request")
        app.turn(0.2)
        app.turn()
        late.end()
        app.turn()
        assert (True, "linger") == tuple(app.attributes("request")[f"metadata.{name}"] for name in ("partial", "partial_reason"))
        assert "s" == app.attributes("request")["session.id"]


class TestProcesses:
    """Two processors that share a store, as two processes do."""

    def test_one_record(self, make: Callable[..., App]) -> None:
        """Both know of the session, both end it, one writes the record, with the totals of both."""
        store = MemoryStore()
        apps = [make(quiet=False, store=store) for _ in range(2)]
        with session("s", user_id="u"):
            for app in apps:
                app.trace(2)
        for app in apps:
            app.flush()
        end_session("s")
        for app in apps:
            app.flush()
        assert [("s", 1, "end_session")] == told(apps[0]) + told(apps[1])
        (record,) = apps[0].records + apps[1].records
        assert (60, 80.0, 2, "u") == (record.rollup.total_tokens, record.rollup.cost_usd, record.num_traces, record.user_id)
        assert 1 == sum(len(app.named("session")) for app in apps)

    def test_one_trace(self, make: Callable[..., App]) -> None:
        """A trace over both is one trace: its true root carries all of it, and so does the record."""
        store = MemoryStore()
        caller, callee = (make(quiet=False, store=store) for _ in range(2))
        with session("s"), caller.tracer.start_as_current_span("request") as root:
            caller.call()
            with callee.tracer.start_as_current_span("server", beyond(root)):
                callee.call()
        callee.flush()
        caller.flush()
        assert (30, 15) == (
            caller.attributes("request")["metadata.total_tokens"],
            callee.attributes("server")["metadata.total_tokens"],
        )
        end_session("s")
        caller.flush()
        callee.flush()
        (record,) = caller.records + callee.records
        assert (30, 1, False) == (record.rollup.total_tokens, record.num_traces, record.is_partial)

    def test_shutdown_goes_on(self, make: Callable[..., App]) -> None:
        """A session in a shared store outlives a process."""
        store = MemoryStore()
        first, second = (make(quiet=False, store=store) for _ in range(2))
        with session("s"):
            first.trace(1)
        first.provider.shutdown()
        assert [] == told(first)
        with session("s", end_on_exit=True):
            second.trace(1)
        second.flush()
        assert [(30, 2)] == [(record.rollup.total_tokens, record.num_traces) for record in second.records]


class Interrupted(MemoryStore):
    """A store in which something happens between what is written and what is ended."""

    then: Callable[[], None] | None = None

    def lost_sight(self) -> bool:
        """Asked in between."""
        then, self.then = self.then, None
        if then is not None:
            then()
        return super().lost_sight()


class TestTwoProcessors:
    """Two processors that see the same spans, as for two backends, and have the same store."""

    @pytest.mark.parametrize("is_url", [True, False])
    def test_told_once(self, tmp_path: Path, is_url: bool) -> None:  # noqa: FBT001 -- of the table
        """Both write the totals on their roots; the store has them once."""
        store: Any = f"sqlite:///{tmp_path / 'sessions.db'}" if is_url else MemoryStore()
        exporters = RecordingExporter(), RecordingExporter()
        records: list[SessionRecord] = []
        provider = TracerProvider(shutdown_on_exit=False)
        for exporter in exporters:
            provider.add_span_processor(SessionSpanProcessor(exporter, store=store, prices=PRICES, on_session=records.append))
        tracer = provider.get_tracer("tests")
        for _ in range(3):
            with session("chat"), tracer.start_as_current_span("request"):
                tracer.start_span("chat", attributes=CALL).end()
        provider.force_flush()
        end_session("chat")
        provider.force_flush()
        provider.shutdown()
        calls = [[(root.attributes or {})["metadata.num_model_events"] for root in exporter.roots] for exporter in exporters]
        assert [1, 1, 1] == calls[0][:3] == calls[1][:3]
        found = [(record.revision, record.num_traces, record.rollup.num_model_events, record.is_partial) for record in records]
        assert [(1, 3, 3, False)] == found


class TestFlush:
    """What ``force_flush`` promises."""

    def test_ended_meanwhile(self, make: Callable[..., App]) -> None:
        """A session that ends while the store is written to is not ended before it is there."""
        store = Interrupted()
        app = make(store=store)

        def turn() -> None:
            with session("s", end_on_exit=True):
                app.trace(2)
            app.turn()

        store.then = turn
        app.flush()
        app.flush()
        assert [("s", 1, "end_on_exit")] == told(app)
        assert 30 == app.records[0].rollup.total_tokens


class RecordOnly(Sampler):
    """Spans are recorded and not sampled."""

    def should_sample(
        self,
        parent_context: Context | None,  # noqa: ARG002 -- the interface
        trace_id: int,  # noqa: ARG002 -- the interface
        name: str,  # noqa: ARG002 -- the interface
        kind: SpanKind | None = None,  # noqa: ARG002 -- the interface
        attributes: Any = None,
        links: Sequence[Any] | None = None,  # noqa: ARG002 -- the interface
        trace_state: Any = None,  # noqa: ARG002 -- the interface
    ) -> SamplingResult:
        """Record only."""
        return SamplingResult(Decision.RECORD_ONLY, attributes)

    def get_description(self) -> str:
        """Its name."""
        return "RecordOnly"


class TestSampling:
    """Spans that are not sampled."""

    def test_dropped(self, make: Callable[..., App]) -> None:
        """Spans that nobody records are in no totals; nothing fails."""
        app = make()
        silent = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
        silent.add_span_processor(app.processor)
        with session("s", end_on_exit=True) as block, silent.get_tracer("tests").start_as_current_span("request"):
            assert 0 == block.rollup().num_events
        with silent.get_tracer("tests").start_as_current_span("request"):
            assert current_rollup() is None
        app.flush()
        assert [] == app.records
        assert (0, {}) == (app.span_worker.pipeline.engine.received, app.span_worker.faults())

    def test_recorded_only(self, make: Callable[..., App]) -> None:
        """Spans that are recorded and not sampled are in the totals, and the pipeline decides that their roots do not leave."""
        app = make()
        exporter = RecordingExporter()
        processor = SessionSpanProcessor(BatchSpanProcessor(exporter), settings=Settings(), prices=PRICES)
        provider = TracerProvider(sampler=RecordOnly(), shutdown_on_exit=False)
        provider.add_span_processor(processor)
        with session("s") as block, provider.get_tracer("tests").start_as_current_span("request") as root:
            provider.get_tracer("tests").start_span("chat", attributes=CALL).end()
            assert 15 == block.rollup().total_tokens
        assert TraceFlags(0) == root.get_span_context().trace_flags & TraceFlags.SAMPLED
        end_session("s")
        assert provider.force_flush()
        provider.shutdown()
        assert ["session"] == [span.name for span in exporter.spans]
        assert 15 == (exporter.spans[0].attributes or {})["metadata.total_tokens"]
        assert [] == app.records
