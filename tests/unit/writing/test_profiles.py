"""Totals in the names of one backend."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg import attributes as n
from otel_session_agg._collections.deadlines import Deadlines
from otel_session_agg._model.span import Kind, Reading, SpanData
from otel_session_agg._reading.span import read
from otel_session_agg._setting_rules import PROFILE_NAMES
from otel_session_agg._settings import Settings
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.trace import Released
from otel_session_agg._writing.profiles import DEFAULT, PROFILES, RESERVED_BY_PROFILE, named, names_in
from otel_session_agg._writing.rollup_attributes import AttributeValue
from otel_session_agg._writing.rollup_attributes import attributes as written_by_default
from otel_session_agg.conventions import CONVENTIONS

_DEFAULT: dict[str, AttributeValue] = {
    "metadata.num_events": 9,
    "metadata.num_model_events": 4,
    "metadata.has_feedback": True,
    "metadata.cost": 1.5,
    "metadata.cost_source": "mixed",
    "metadata.total_tokens": 120,
    "metadata.prompt_tokens": 100,
    "metadata.completion_tokens": 20,
    "metadata.cache_read_tokens": 30,
    "metadata.cache_write_tokens": 10,
    "metadata.reasoning_tokens": 5,
    "metadata.num_tool_events": 2,
    "metadata.num_errors": 1,
    "metadata.num_unpriced_events": 3,
    "metadata.models": ("a", "b"),
    "metadata.partial": True,
    "metadata.partial_reason": "linger",
    "metadata.budget_exceeded": True,
    "metadata.num_traces": 6,
    "metadata.num_unsampled_traces": 2,
    "metadata.avg_trace_latency": 250.0,
    "metadata.end_reason": "idle",
    "metadata.num_turns": 5,
    "metadata.average_turn_cost": 0.3,
    "metadata.average_turn_tokens": 24.0,
    "metadata.dearest_turn_cost": 0.75,
    "metadata.dearest_turn_tokens": 60,
    "metadata.dearest_turn_trace_id": "0a",
    "metadata.first_input": "Two and two?",
    "metadata.revision": 7,
    "metadata.rollup": "session",
    "metadata.by_model": '{"a":{"calls":4,"duration":900.0}}',
    "metadata.by_agent": '{"planner":{"calls":4,"duration":900.0}}',
    "metadata.by_tool": '{"search":{"calls":2,"duration":100.0}}',
    "metadata.model_duration": 750.0,
    "metadata.tool_duration": 100.0,
    "metadata.busy_duration": 1000.0,
    "metadata.idle_duration": 876.5,
    "metadata.longest_gap": 500.0,
    "metadata.time_to_first_token": 125.0,
    "metadata.time_to_first_response": 150.0,
    "metadata.model_latency_p50": 200.0,
    "metadata.model_latency_p95": 300.0,
    "metadata.model_latency_p99": 400.0,
    "metadata.durations_exact": False,
    "metadata.plan": "pro",
    "start_time": 1_790_000_000_123,
    "end_time": 1_790_000_002_000,
    "duration": 1876.5,
    "outputs": "Four.",
    "error": "boom",
    "session.id": "s1",
    "user.id": "u1",
}
"""A root and a session record in one, with one name of the application's own."""

_HONEYHIVE: dict[str, AttributeValue] = {
    "honeyhive_metadata.num_events": 9,
    "honeyhive_metadata.num_model_events": 4,
    "honeyhive_metadata.has_feedback": True,
    "honeyhive_metadata.cost": 1.5,
    "honeyhive_metadata.cost_source": "mixed",
    "honeyhive_metadata.total_tokens": 120,
    "honeyhive_metadata.prompt_tokens": 100,
    "honeyhive_metadata.completion_tokens": 20,
    "honeyhive_metadata.cache_read_tokens": 30,
    "honeyhive_metadata.cache_write_tokens": 10,
    "honeyhive_metadata.reasoning_tokens": 5,
    "honeyhive_metadata.num_tool_events": 2,
    "honeyhive_metadata.num_errors": 1,
    "honeyhive_metadata.num_unpriced_events": 3,
    "honeyhive_metadata.models": ("a", "b"),
    "honeyhive_metadata.partial": True,
    "honeyhive_metadata.partial_reason": "linger",
    "honeyhive_metadata.budget_exceeded": True,
    "honeyhive_metadata.num_traces": 6,
    "honeyhive_metadata.num_unsampled_traces": 2,
    "honeyhive_metadata.avg_trace_latency": 250.0,
    "honeyhive_metadata.end_reason": "idle",
    "honeyhive_metadata.num_turns": 5,
    "honeyhive_metadata.average_turn_cost": 0.3,
    "honeyhive_metadata.average_turn_tokens": 24.0,
    "honeyhive_metadata.dearest_turn_cost": 0.75,
    "honeyhive_metadata.dearest_turn_tokens": 60,
    "honeyhive_metadata.dearest_turn_trace_id": "0a",
    "honeyhive_metadata.first_input": "Two and two?",
    "honeyhive_metadata.revision": 7,
    "honeyhive_metadata.rollup": "session",
    "honeyhive_metadata.by_model": '{"a":{"calls":4,"duration":900.0}}',
    "honeyhive_metadata.by_agent": '{"planner":{"calls":4,"duration":900.0}}',
    "honeyhive_metadata.by_tool": '{"search":{"calls":2,"duration":100.0}}',
    "honeyhive_metadata.model_duration": 750.0,
    "honeyhive_metadata.tool_duration": 100.0,
    "honeyhive_metadata.busy_duration": 1000.0,
    "honeyhive_metadata.idle_duration": 876.5,
    "honeyhive_metadata.longest_gap": 500.0,
    "honeyhive_metadata.time_to_first_token_ms": 125.0,
    "honeyhive_metadata.time_to_first_response": 150.0,
    "honeyhive_metadata.model_latency_p50": 200.0,
    "honeyhive_metadata.model_latency_p95": 300.0,
    "honeyhive_metadata.model_latency_p99": 400.0,
    "honeyhive_metadata.durations_exact": False,
    "honeyhive_metadata.plan": "pro",
    "honeyhive_metadata.start_time": 1_790_000_000_123,
    "honeyhive_metadata.end_time": 1_790_000_002_000,
    "honeyhive_duration_ms": 1876.5,
    "honeyhive_outputs.text": "Four.",
    "honeyhive_error": "boom",
    "honeyhive.session_id": "s1",
    "honeyhive_user_properties.user_id": "u1",
}

_POSTHOG: dict[str, AttributeValue] = {
    "ai_session_num_events": 9,
    "ai_session_num_model_events": 4,
    "ai_session_has_feedback": True,
    "$ai_total_cost_usd": 1.5,
    "ai_session_cost_source": "mixed",
    "$ai_total_tokens": 120,
    "$ai_input_tokens": 100,
    "$ai_output_tokens": 20,
    "$ai_cache_read_input_tokens": 30,
    "$ai_cache_creation_input_tokens": 10,
    "$ai_reasoning_tokens": 5,
    "ai_session_num_tool_events": 2,
    "ai_session_num_errors": 1,
    "ai_session_num_unpriced_events": 3,
    "ai_session_models": ("a", "b"),
    "ai_session_partial": True,
    "ai_session_partial_reason": "linger",
    "ai_session_budget_exceeded": True,
    "ai_session_num_traces": 6,
    "ai_session_num_unsampled_traces": 2,
    "ai_session_avg_trace_latency": 0.25,
    "ai_session_end_reason": "idle",
    "ai_session_num_turns": 5,
    "ai_session_average_turn_cost": 0.3,
    "ai_session_average_turn_tokens": 24.0,
    "ai_session_dearest_turn_cost": 0.75,
    "ai_session_dearest_turn_tokens": 60,
    "ai_session_dearest_turn_trace_id": "0a",
    "$ai_input_state": "Two and two?",
    "ai_session_revision": 7,
    "ai_session_rollup": "session",
    "ai_session_by_model": '{"a":{"calls":4,"duration":900.0}}',
    "ai_session_by_agent": '{"planner":{"calls":4,"duration":900.0}}',
    "ai_session_by_tool": '{"search":{"calls":2,"duration":100.0}}',
    "ai_session_model_duration": 0.75,
    "ai_session_tool_duration": 0.1,
    "ai_session_busy_duration": 1.0,
    "ai_session_idle_duration": 0.8765,
    "ai_session_longest_gap": 0.5,
    "$ai_time_to_first_token": 0.125,
    "ai_session_time_to_first_response": 0.15,
    "ai_session_model_latency_p50": 0.2,
    "ai_session_model_latency_p95": 0.3,
    "ai_session_model_latency_p99": 0.4,
    "ai_session_durations_exact": False,
    "ai_session_metadata_plan": "pro",
    "ai_session_start_time": 1_790_000_000_123,
    "ai_session_end_time": 1_790_000_002_000,
    "$ai_latency": 1.8765,
    "$ai_output_state": "Four.",
    "ai_session_error": "boom",
    "$ai_session_id": "s1",
    "posthog.distinct_id": "u1",
}
_PHOENIX: dict[str, AttributeValue] = {
    **{name: value for name, value in _DEFAULT.items() if name not in {"outputs", "metadata.first_input"}},
    "input.value": "Two and two?",
    "output.value": "Four.",
}

_WRITTEN = {"default": _DEFAULT, "honeyhive": _HONEYHIVE, "phoenix": _PHOENIX, "posthog": _POSTHOG}

_WRITABLE = n.RESERVED | n.KEPT_WHEN_SET | {n.USER_ID}
"""Every name of the default profile that is not the application's own."""

_SUMMED = frozenset(
    {
        # PostHog: session_query_runner.py, traces_query_runner.py, sessions.sql
        "$ai_input_tokens", "$ai_output_tokens", "$ai_total_tokens", "$ai_cache_read_input_tokens",
        "$ai_cache_creation_input_tokens", "$ai_reasoning_tokens", "$ai_input_cost_usd", "$ai_output_cost_usd",
        "$ai_request_cost_usd", "$ai_web_search_cost_usd", "$ai_total_cost_usd",
        # HoneyHive: session aggregations and token counts
        "honeyhive_metadata.cost", "honeyhive_metadata.prompt_tokens", "honeyhive_metadata.input_tokens",
        "honeyhive_metadata.completion_tokens", "honeyhive_metadata.output_tokens", "honeyhive_metadata.total_tokens",
        "honeyhive_metadata.cache_read_input_tokens", "honeyhive_metadata.cache_write_input_tokens",
        "honeyhive_metadata.reasoning_tokens",
        # of a call, as both document it
        "$ai_time_to_first_token", "honeyhive_metadata.time_to_first_token_ms",
    }
)  # fmt: skip
"""What a backend adds up or averages over the model and embedding events of a session."""

_COUNTED = frozenset({"$ai_is_error", "$ai_error"})
"""What a backend counts on events of every kind."""

_KINDS = ("$ai_event", "event", "honeyhive_event_type")
"""What says which kind of event a span is."""

_FORBIDDEN = ("gen_ai.", "llm.")

_METADATA = st.text(max_size=12) | st.sampled_from(
    [name.removeprefix("honeyhive_metadata.") for name in sorted(_SUMMED)]
    + ["gen_ai.usage.input_tokens", "llm.token_count.prompt", "metadata.", "metadata.cost", "start_time", "trace_id", ""]
)
_VALUES: st.SearchStrategy[Any] = (
    st.integers(-(2**63), 2**63 - 1) | st.floats() | st.booleans() | st.text(max_size=5) | st.tuples(st.text(max_size=5))
)
_TOTALS = st.dictionaries(st.sampled_from(sorted(_WRITABLE)) | _METADATA.map("metadata.".__add__), _VALUES)
_PROFILES = st.lists(st.sampled_from(PROFILE_NAMES), unique=True)


_SCOPES = ["app", *sorted({s for row in CONVENTIONS for e in row.emitters for s in e.scopes if s})]
"""A scope of nobody, and those of all emitters that are known."""

_CHAT: dict[str, AttributeValue] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 1,
    "gen_ai.usage.cache_read.input_tokens": 4,
}
_RECORDED: dict[str, AttributeValue] = {**_CHAT, "gen_ai.usage.cost": 0.25}
_EMBEDDING: dict[str, AttributeValue] = {**_CHAT, "gen_ai.operation.name": "embeddings", "gen_ai.usage.output_tokens": 0}
_TOOL: dict[str, AttributeValue] = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}
_AGENT: dict[str, AttributeValue] = {"gen_ai.operation.name": "invoke_agent"}

_Child = tuple[int, dict[str, AttributeValue]]
_CHILDREN: dict[str, list[_Child]] = {
    "computed": [(1, _CHAT), (1, _CHAT)],
    "recorded": [(1, _RECORDED), (1, _RECORDED)],
    "mixed": [(1, _CHAT), (1, _RECORDED), (1, _EMBEDDING)],
    "deep": [(1, _AGENT), (2, _CHAT), (2, _TOOL), (4, _CHAT)],
    "behind a tool": [(1, _TOOL), (2, _CHAT)],
    "embedding": [(1, _EMBEDDING)],
    "none": [],
}
"""Spans below a root by the id of their parent; the root is 1, they are 2, 3 and so on."""

_ROOTS: dict[str, dict[str, AttributeValue]] = {
    "span": {},
    "agent": _AGENT,
    "chain": {"openinference.span.kind": "CHAIN"},
    "tool": _TOOL,
    "model": _CHAT,
    "recorded model": _RECORDED,
    "embedding": _EMBEDDING,
    "names a model": {"gen_ai.request.model": "m"},
}


def _totals(own: dict[str, AttributeValue], children: list[_Child], scope: str) -> dict[str, AttributeValue]:
    """The totals of a session, a microdollar a token; without where the cost is from: written once, it is recorded."""
    engine = Engine(Settings(), read, lambda call: 1_000_000 * ((call.usage and call.usage.total_tokens) or 0), Deadlines())
    out: list[object] = []
    engine.started(1, 1, None, out)
    spans = [(number, parent_id, attributes) for number, (parent_id, attributes) in enumerate(children, start=2)]
    for span_id, parent_id, _ in spans:
        engine.started(1, span_id, parent_id, out)
    for span_id, parent_id, attributes in reversed(spans):
        times = (100 * span_id, 100 * span_id + 50)
        engine.ended(SpanData("step", 1, span_id, parent_id, "INTERNAL", "calls", "", *times, attributes), "child", 0, out)
    engine.ended(SpanData("turn", 1, 1, None, "INTERNAL", scope, "", 1, 10_000, {"session.id": "s1", **own}), "root", 0, out)
    [trace] = [left.trace for left in out if isinstance(left, Released)]
    values = written_by_default(engine.totals.rollup(trace))
    return {name: value for name, value in values.items() if name != n.COST_SOURCE}


def _read(attributes: dict[str, AttributeValue], *, name: str = "turn", scope: str = "app") -> Reading:
    return read(SpanData(name, 1, 1, None, "INTERNAL", scope, "", 0, 1, attributes))


class TestTables:
    """What the profiles have."""

    def test_profiles(self) -> None:
        """Each profile that can be chosen is there."""
        assert PROFILE_NAMES == (DEFAULT, *PROFILES)

    @pytest.mark.parametrize("profile", PROFILES)
    def test_complete(self, profile: str) -> None:
        """Every name that can be written has its place, and no other has a row."""
        assert _WRITABLE == PROFILES[profile].targets.keys()

    @pytest.mark.parametrize("profile", PROFILES)
    def test_different(self, profile: str) -> None:
        """Two totals never share a name."""
        names = [target.name for target in PROFILES[profile].targets.values()]
        assert len(names) == len(set(names))

    def test_apart(self) -> None:
        """No name belongs to two profiles, so several can be on at once."""
        names = [*_DEFAULT, *_HONEYHIVE, *_POSTHOG]
        assert len(names) == len(set(names))

    @pytest.mark.parametrize("profile", PROFILES)
    def test_summed(self, profile: str) -> None:
        """What a backend sums over calls is marked, and nothing else."""
        targets = PROFILES[profile].targets.values()
        assert {target.name for target in targets} & _SUMMED == {target.name for target in targets if target.is_summed}

    @pytest.mark.parametrize("profile", PROFILES)
    def test_counted_by_the_backend(self, profile: str) -> None:
        """Nothing is written that a backend counts on every event, or that changes what a span is taken for."""
        names = {target.name for target in PROFILES[profile].targets.values()}
        assert set() == names & (_COUNTED | set(_KINDS))


class TestNamed:
    """Totals in other names."""

    @pytest.mark.parametrize("profile", PROFILE_NAMES)
    def test_one(self, profile: str) -> None:
        """Every total goes to its name, in the unit of the backend, with its type."""
        written = named(_DEFAULT, [profile])
        assert _WRITTEN[profile] == written
        assert {name: type(value) for name, value in _WRITTEN[profile].items()} == {
            name: type(value) for name, value in written.items()
        }

    def test_several(self) -> None:
        """Several profiles are written side by side."""
        assert {**_HONEYHIVE, **_DEFAULT, **_POSTHOG} == named(_DEFAULT, ["honeyhive", "default", "posthog"])

    def test_kind(self) -> None:
        """What a root is and was asked has a name in the profiles that say so."""
        values: dict[str, AttributeValue] = {n.SPAN_KIND: "CHAIN", n.INPUT: "Two and two?"}
        assert values == named(values, ["phoenix"])
        assert {} == named(values, ["honeyhive", "posthog"])

    def test_none(self) -> None:
        """Without a profile nothing is written."""
        assert {} == named(_DEFAULT, [])

    def test_only_what_is_there(self) -> None:
        """A total that is not there is not made up."""
        assert {"metadata.cost": 0.0, "$ai_total_cost_usd": 0.0} == named({n.COST: 0.0}, ["default", "posthog"])

    def test_does_not_share(self) -> None:
        """What comes out can be changed without changing what went in."""
        values = dict(_DEFAULT)
        named(values, ["default"]).clear()
        assert _DEFAULT == values

    @pytest.mark.parametrize(
        ("milliseconds", "seconds"),
        [(0.0, 0.0), (1, 0.001), (1500, 1.5), (-20.0, -0.02), (True, None), ("1500", None), (("1",), None)],
    )
    def test_seconds(self, milliseconds: AttributeValue, seconds: float | None) -> None:
        """PostHog's latencies are seconds; what is no number has none."""
        assert ({} if seconds is None else {"$ai_latency": seconds}) == named({n.DURATION: milliseconds}, ["posthog"])

    @pytest.mark.parametrize(
        ("name", "honeyhive", "posthog"),
        [
            ("metadata.a.b", "honeyhive_metadata.a.b", "ai_session_metadata_a.b"),
            ("metadata.input_tokens", "honeyhive_metadata.metadata.input_tokens", "ai_session_metadata_input_tokens"),
            ("metadata.start_time", "honeyhive_metadata.metadata.start_time", "ai_session_metadata_start_time"),
            ("metadata.span_id", "honeyhive_metadata.metadata.span_id", "ai_session_metadata_span_id"),
            ("metadata.metadata.x", "honeyhive_metadata.metadata.metadata.x", "ai_session_metadata_metadata.metadata.x"),
            ("metadata.gen_ai.usage.x", "honeyhive_metadata.gen_ai.usage.x", "ai_session_metadata_gen_ai.usage.x"),
        ],
    )
    def test_metadata(self, name: str, honeyhive: str, posthog: str) -> None:
        """The application's own metadata goes to the free place, deeper when its name is taken there, on a call as elsewhere."""
        for is_call in (False, True):
            assert {honeyhive: 1} == named({name: 1}, ["honeyhive"], is_call=is_call)
            assert {posthog: 1} == named({name: 1}, ["posthog"], is_call=is_call)

    @pytest.mark.parametrize("profile", PROFILES)
    def test_call(self, profile: str) -> None:
        """On a root that is a call, what the backend sums over calls is left out."""
        rest = {name: value for name, value in _WRITTEN[profile].items() if name not in _SUMMED}
        assert rest == named(_DEFAULT, [profile], is_call=True)

    def test_call_default(self) -> None:
        """The default profile is the same on a call."""
        assert _DEFAULT == named(_DEFAULT, [DEFAULT], is_call=True)

    def test_unknown_name(self) -> None:
        """A name that is neither a total nor metadata stays in the default profile only."""
        assert {"mine": 1} == named({"mine": 1}, PROFILE_NAMES)

    def test_unknown_profile(self) -> None:
        """A profile that there is not is an error of the caller."""
        with pytest.raises(KeyError, match="other"):
            named(_DEFAULT, ["other"])

    @given(_TOTALS, _PROFILES)
    def test_never_counted_again(self, values: dict[str, AttributeValue], profiles: list[str]) -> None:
        """Whatever the values: no error, no name that is counted everywhere, and on a call none that is summed over calls."""
        assert not [name for name in named(values, profiles) if name.startswith(_FORBIDDEN) or name in _COUNTED]
        assert set() == named(values, profiles, is_call=True).keys() & _SUMMED

    @given(st.dictionaries(_METADATA.map("metadata.".__add__), _VALUES), st.sampled_from(sorted(PROFILES)))
    def test_nothing_lost(self, metadata: dict[str, AttributeValue], profile: str) -> None:
        """Different names stay different beside all totals."""
        assert len({**metadata, **_DEFAULT}) == len(named({**metadata, **_DEFAULT}, [profile]))


class TestReserved:
    """Names that belong to this library."""

    def test_default(self) -> None:
        """The default profile has those of ``_names``."""
        assert RESERVED_BY_PROFILE[DEFAULT] == n.RESERVED
        assert n.KEPT_WHEN_SET == names_in(DEFAULT, n.KEPT_WHEN_SET)

    @pytest.mark.parametrize(
        ("profile", "free"),
        [
            (
                "honeyhive",
                {"honeyhive.session_id", "honeyhive_duration_ms", "honeyhive_user_properties.user_id", "honeyhive_metadata.plan"},
            ),
            ("phoenix", {"session.id", "duration", "user.id", "metadata.plan", "input.value", "output.value"}),
            ("posthog", {"$ai_session_id", "$ai_latency", "posthog.distinct_id", "ai_session_metadata_plan"}),
        ],
    )
    def test_profile(self, profile: str, free: set[str]) -> None:
        """All that a profile writes, but for session id, duration, user, the application's metadata and a call's own figures."""
        assert RESERVED_BY_PROFILE[profile] == _WRITTEN[profile].keys() - free - _SUMMED

    def test_kept(self) -> None:
        """What is kept when it was set by hand can be asked for."""
        assert {"$ai_session_id", "$ai_latency"} == names_in("posthog", n.KEPT_WHEN_SET)
        assert frozenset() == names_in("posthog", ["mine"])

    def test_unknown(self) -> None:
        """A profile that there is not is an error of the caller."""
        with pytest.raises(KeyError, match="other"):
            names_in("other", n.RESERVED)


class TestReadAgain:
    """A root that was written here and comes by another processor."""

    @pytest.mark.parametrize(
        "own", [{}, _CHAT, {**_CHAT, "gen_ai.operation.name": "embeddings"}], ids=["span", "model", "embedding"]
    )
    def test_call(self, own: dict[str, AttributeValue]) -> None:
        """On a call nothing is taken for its usage, recorded cost or model, whoever made its span."""
        written = {**own, **named(_DEFAULT, PROFILE_NAMES, is_call=True)}
        for scope in _SCOPES:
            plain, event = _read(own, scope=scope), _read(written, scope=scope)
            assert plain._replace(session_id="s1", user_id="u1") == event._replace(
                output=plain.output, is_plain=plain.is_plain
            ), scope

    @given(_TOTALS, _PROFILES)
    def test_metadata(self, values: dict[str, AttributeValue], profiles: list[str]) -> None:
        """Nor is what the application says of the session."""
        event = _read(named(values, profiles, is_call=True))
        assert (None, None, 0) == (event.usage, event.recorded_pusd, event.num_calls)

    def test_summed_are_read(self) -> None:
        """On other roots the names of the backends are read as usage and cost."""
        assert _read({"honeyhive_metadata.total_tokens": 120}).usage is not None
        assert _read({"$ai_input_tokens": 100}).usage is not None
        assert _read({"$ai_total_cost_usd": 1.5}).recorded_pusd is not None

    @pytest.mark.parametrize("scopes", [_SCOPES[:1], pytest.param(_SCOPES[1:], marks=pytest.mark.slow)], ids=["app", "emitters"])
    @pytest.mark.parametrize("own", _ROOTS.values(), ids=_ROOTS)
    def test_played_again(self, own: dict[str, AttributeValue], scopes: list[str]) -> None:
        """With all profiles at once on the root, the same spans have the same totals again."""
        for scope, children in product(scopes, _CHILDREN.values()):
            is_call = _read({**own, **named(_DEFAULT, PROFILE_NAMES)}, scope=scope).kind in {Kind.MODEL, Kind.EMBEDDING}
            totals = _totals(own, children, scope)
            written = named(totals, PROFILE_NAMES, is_call=is_call)
            assert totals == _totals({**own, **written}, children, scope), (scope, children)
