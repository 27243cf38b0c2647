"""The attribute names of HoneyHive, Phoenix and PostHog: the ``default`` profile rewritten.

Rules
-----
1. A profile is a table: default name to the backend's name, with a change of unit where the backend
   has another one.
2. Totals take the names that the backend has for them, and those are mostly the names of one call's
   tokens and cost.  HoneyHive and PostHog sum them over model and embedding events only, so a root
   that is no such event may have them; on a root that is one they would be a call's and be summed,
   so there they are left out (``Target.is_summed``, ``named(is_call=True)``).
3. Nothing is written that a backend counts on events of every kind, or that states which kind of
   event the root is, but for Phoenix, which shows a root without a kind as unknown: there it is the
   kind that the root was read as, and one that it has stays.
4. The tables of ``conventions/`` read the summed names as usage and recorded cost of the root.
   That counts nothing twice: leaf wins, and a container's recorded cost only stands for calls that
   have none (``_trace/resolve.py``).  A span that names a model and no kind becomes a model event
   by tokens beside it: as a root it is to be taken for a call from the first.
5. The application's own metadata goes to the backend's place for free properties, a name that is
   taken there one level deeper, so that two names never become one.  Other names that a table does
   not have are left out.

HoneyHive
---------
Sources: the schema reference (docs.honeyhive.ai/v2/tracing/enrichment-schema) for the
``honeyhive_*`` prefixes; the session aggregations (docs.honeyhive.ai/v2/tracing/aggregation-logic)
for the names of totals and what it sums over model events; the registry
(github.com/honeyhiveai/semantic-conventions, ``model/*.yaml``) for the keys; the Python SDK
(github.com/honeyhiveai/python-sdk, ``tracer/instrumentation``) for error and duration.
``honeyhive_event_type`` is not written: a root that is a call stays one.

Phoenix
-------
Sources: OpenInference's semantic conventions (github.com/Arize-ai/openinference,
``spec/semantic_conventions.md``) and Phoenix 20.26 itself: it shows the kind, ``input.value``,
``output.value``, the user and the session of a root, and finds ``metadata.cost`` as
``metadata["cost"]``.  Its costs and tokens are sums over ``llm.token_count.*`` below a span, so
none of these is written.

PostHog
-------
Sources: its OTLP endpoint (github.com/PostHog/posthog, ``rust/capture/src/otel``) keeps attributes
as event properties by their names; ``posthog/hogql_queries/ai/session_query_runner.py`` and
``products/ai_observability/backend/queries/sessions.sql`` sum cost and tokens over
``$ai_generation`` and ``$ai_embedding`` (a root can be one of these), and count ``$ai_is_error``
and ``$ai_error`` on all events, roots included: the error of a session, which an event below has
reported already, is ``ai_session_error``.
``nodejs/src/ingestion/ai/otel/attribute-mapping.ts`` sets ``$ai_latency`` again from the span's own
times.  What has no ``$ai_`` property begins with ``ai_session_``, without the ``$`` that PostHog
keeps for itself (posthog.com/docs/data/events).  The endpoint drops spans that have no ``gen_ai.``,
``ai.``, ``traceloop.``, ``pydantic_ai.`` or ``eve.`` attribute; these names do not change that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from otel_session_agg import attributes as n
from otel_session_agg._writing.rollup_attributes import AttributeValue

__all__ = ["DEFAULT", "PROFILES", "RESERVED_BY_PROFILE", "Profile", "Target", "named", "names_in"]

DEFAULT = "default"
"""The profile that writes the names of ``attributes.py``, as they are."""

_MS_PER_SECOND = 1000


@dataclass(frozen=True, slots=True)
class Target:
    """The attribute that one value goes to."""

    name: str
    """The backend's name."""
    convert: Callable[[AttributeValue], AttributeValue | None] | None = None
    """Returns the value in the backend's unit, ``None`` when it has none; default: as it is."""
    is_summed: bool = False
    """Whether the backend sums or averages it over model and embedding events.

    So it is not written on a root that is one.
    """


@dataclass(frozen=True, slots=True)
class Profile:
    """The names of one backend."""

    targets: Mapping[str, Target]
    """By default name: every total, the session and the user."""
    metadata_prefix: str
    """Begins the names of the application's own metadata."""
    taken: frozenset[str] = frozenset()
    """Names with that prefix that are not the application's: totals, and what the backend reads."""
    kept: frozenset[str] = frozenset()
    """The backend's names whose value stays when it was set by hand on a root."""
    has_kind: bool = False
    """Whether it has the kind of a root or record, ``SPAN_KIND``, and its input, ``INPUT``."""

    def target(self, name: str) -> Target | None:
        """Return where the value of a default name goes; ``None``: nowhere."""
        target = (
            Target(name)
            if self.has_kind and name in {n.SPAN_KIND, n.INPUT}
            else self.targets.get(name)
        )
        if target is not None or not name.startswith(n.METADATA_PREFIX):
            return target
        key = name[len(n.METADATA_PREFIX) :]
        is_taken = self.metadata_prefix + key in self.taken or key.startswith(n.METADATA_PREFIX)
        return Target(self.metadata_prefix + (name if is_taken else key))


def _seconds(value: AttributeValue) -> AttributeValue | None:
    """Return milliseconds as seconds; ``None`` for what is no number."""
    return (
        value / _MS_PER_SECOND
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        else None
    )


def _free(prefix: str) -> dict[str, Target]:
    """Return the place of each total below ``metadata.`` among a backend's free properties."""
    at = len(n.METADATA_PREFIX)
    return {
        name: Target(prefix + name[at:])
        for name in n.RESERVED
        if name.startswith(n.METADATA_PREFIX)
    }


_HONEYHIVE_METADATA = "honeyhive_metadata."
_HONEYHIVE = {
    # the free metadata bucket.  Of these, registry: honeyhive_metadata_aggregates.yaml has
    # num_events, num_model_events and has_feedback; they are in no sum, and on session events
    # HoneyHive's own win
    **_free(_HONEYHIVE_METADATA),
    # the documented aggregates of sessions; on model events they are a call's, and summed
    n.COST: Target("honeyhive_metadata.cost", is_summed=True),
    n.TOTAL_TOKENS: Target("honeyhive_metadata.total_tokens", is_summed=True),
    n.PROMPT_TOKENS: Target("honeyhive_metadata.prompt_tokens", is_summed=True),
    n.COMPLETION_TOKENS: Target("honeyhive_metadata.completion_tokens", is_summed=True),
    n.REASONING_TOKENS: Target("honeyhive_metadata.reasoning_tokens", is_summed=True),
    # the root fields start_time and end_time are the span's own; milliseconds here as there
    n.START_TIME: Target("honeyhive_metadata.start_time"),
    n.END_TIME: Target("honeyhive_metadata.end_time"),
    # SDK: instrumentation/decorators.py, milliseconds
    n.DURATION: Target("honeyhive_duration_ms"),
    # registry: honeyhive_outputs.yaml, plain text; ``.result`` is written by the SDK's decorators
    n.OUTPUTS: Target("honeyhive_outputs.text"),
    # SDK: the error of enrich_span; becomes that of the event
    n.ERROR: Target("honeyhive_error"),
    # registry: honeyhive_session.yaml; before session.id in HoneyHive's order
    n.SESSION_ID: Target("honeyhive.session_id"),
    # SDK: the user_id among the user_properties of enrich_span
    n.USER_ID: Target("honeyhive_user_properties.user_id"),
    # registry: honeyhive_metadata_latency.yaml, milliseconds; on model events a call's own
    n.TIME_TO_FIRST_TOKEN: Target("honeyhive_metadata.time_to_first_token_ms", is_summed=True),
}

_HONEYHIVE_OWN = frozenset(
    _HONEYHIVE_METADATA + key
    for key in (
        # registry: honeyhive_metadata_tokens.yaml, honeyhive_token_counts.yaml: other names of the
        # tokens of a call
        "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_write_input_tokens",
        # registry: honeyhive_metadata_otlp.yaml, from which it builds the tree
        "trace_id", "span_id", "parent_span_id", "instrumentor", "has_otlp_lineage",
        "honeyhive_event_type",
    )
)  # fmt: skip
"""Names that HoneyHive itself has there beside the totals."""

_PHOENIX = {
    **{name: Target(name) for name in n.RESERVED | n.KEPT_WHEN_SET | {n.USER_ID}},
    # OpenInference: what is shown as the output of a trace and, from the last trace, of a session
    n.OUTPUTS: Target("output.value"),
    n.FIRST_INPUT: Target(n.INPUT),
}

_POSTHOG = {
    # PostHog has no word for most
    **_free("ai_session_"),
    # attribute-mapping.ts leaves both as they are; the session groups traces, the output state is
    # shown with the trace
    n.SESSION_ID: Target("$ai_session_id"),
    n.OUTPUTS: Target("$ai_output_state"),
    n.FIRST_INPUT: Target("$ai_input_state"),
    # rust/capture/src/otel/identity.rs: read on spans before user.id, becomes the event's person
    n.USER_ID: Target("posthog.distinct_id"),
    # USD; summed over $ai_generation and $ai_embedding events only
    n.COST: Target("$ai_total_cost_usd", is_summed=True),
    # the same; input with what was cached
    n.TOTAL_TOKENS: Target("$ai_total_tokens", is_summed=True),
    n.PROMPT_TOKENS: Target("$ai_input_tokens", is_summed=True),
    n.COMPLETION_TOKENS: Target("$ai_output_tokens", is_summed=True),
    n.CACHE_READ_TOKENS: Target("$ai_cache_read_input_tokens", is_summed=True),
    n.CACHE_WRITE_TOKENS: Target("$ai_cache_creation_input_tokens", is_summed=True),
    n.REASONING_TOKENS: Target("$ai_reasoning_tokens", is_summed=True),
    # seconds, as of $ai_trace events
    n.DURATION: Target("$ai_latency", _seconds),
    **{
        name: Target(f"ai_session_{name.removeprefix(n.METADATA_PREFIX)}", _seconds)
        for name in (
            n.AVERAGE_TRACE_LATENCY,
            n.MODEL_DURATION,
            n.TOOL_DURATION,
            n.BUSY_DURATION,
            n.IDLE_DURATION,
            n.LONGEST_GAP,
            n.TIME_TO_FIRST_RESPONSE,
            n.MODEL_LATENCY_P50,
            n.MODEL_LATENCY_P95,
            n.MODEL_LATENCY_P99,
        )
    },
    # posthog.com/docs/ai-engineering/traces-generations: seconds; of $ai_generation events
    n.TIME_TO_FIRST_TOKEN: Target("$ai_time_to_first_token", _seconds, is_summed=True),
    # after $ai_error
    n.ERROR: Target("ai_session_error"),
    # milliseconds since the epoch
    n.START_TIME: Target("ai_session_start_time"),
    n.END_TIME: Target("ai_session_end_time"),
}

PROFILES: Mapping[str, Profile] = {
    "honeyhive": Profile(
        _HONEYHIVE,
        _HONEYHIVE_METADATA,
        _HONEYHIVE_OWN | frozenset(target.name for target in _HONEYHIVE.values()),
    ),
    "phoenix": Profile(
        _PHOENIX,
        n.METADATA_PREFIX,
        kept=frozenset({_PHOENIX[n.OUTPUTS].name, n.SPAN_KIND, n.INPUT}),
        has_kind=True,
    ),
    "posthog": Profile(_POSTHOG, "ai_session_metadata_"),
}
"""The profiles other than ``default``."""


def names_in(profile: str, names: Iterable[str]) -> frozenset[str]:
    """Return a profile's names for these default names; raise ``KeyError`` for an unknown profile.

    For example ``names_in("honeyhive", KEPT_WHEN_SET)``: the names that are kept when they were set
    by hand on a root.
    """
    if profile == DEFAULT:
        return frozenset(names)
    targets = map(PROFILES[profile].target, names)
    return frozenset(target.name for target in targets if target is not None)


RESERVED_BY_PROFILE: Mapping[str, frozenset[str]] = {
    DEFAULT: n.RESERVED,
    **{
        name: names_in(name, (key for key in n.RESERVED if not profile.targets[key].is_summed))
        - profile.kept
        for name, profile in PROFILES.items()
    },
}
"""Per profile, the names that belong to this library there, as ``RESERVED`` has them for
``default``.

Session id, duration, user and the application's metadata are not among them, nor is what is summed:
on a root that is a call those names have the call's own tokens and cost, which must stay.
"""


def named(
    values: Mapping[str, AttributeValue], profiles: Sequence[str], *, is_call: bool = False
) -> dict[str, AttributeValue]:
    """Return totals in the names of all these profiles; raise ``KeyError`` for an unknown profile.

    ``is_call``: the root is itself a model or embedding event, or would be read as one with these
    totals on it, so what a backend sums over such events is left out.
    """
    written: dict[str, AttributeValue] = {}
    for profile in profiles:
        written.update(
            values if profile == DEFAULT else _renamed(values, PROFILES[profile], is_call=is_call)
        )
    return written


def _renamed(
    values: Mapping[str, AttributeValue], profile: Profile, *, is_call: bool
) -> dict[str, AttributeValue]:
    renamed: dict[str, AttributeValue] = {}
    for name, value in values.items():
        target = profile.target(name)
        if target is None or (is_call and target.is_summed):
            continue
        converted = value if target.convert is None else target.convert(value)
        if converted is not None:
            renamed[target.name] = converted
    return renamed
