"""Names of the attributes that are written on a session root (the ``default`` profile).

Never ``gen_ai.usage.*`` or ``llm.token_count.*``: backends sum those over all spans and would count everything twice.
"""

from __future__ import annotations

NUM_EVENTS = "metadata.num_events"
"""int: events below the root; the root too when it is itself a model, embedding, tool or retriever event."""

NUM_MODEL_EVENTS = "metadata.num_model_events"
"""int: innermost model calls."""

HAS_FEEDBACK = "metadata.has_feedback"
"""bool: some event carries feedback."""

COST = "metadata.cost"
"""double, USD: the known cost; absent when every billable event is unpriced."""

TOTAL_TOKENS = "metadata.total_tokens"
"""int: tokens over the events that count."""

PROMPT_TOKENS = "metadata.prompt_tokens"
"""int: input tokens, cache reads and writes included."""

COMPLETION_TOKENS = "metadata.completion_tokens"
"""int: output tokens, reasoning included."""

START_TIME = "start_time"
"""int, milliseconds since the Unix epoch, UTC: earliest start of the root and its events."""

END_TIME = "end_time"
"""int, milliseconds since the Unix epoch, UTC: latest end of the root and its events."""

DURATION = "duration"
"""double, milliseconds: latest end minus earliest start; a value set by hand on the root is kept."""

OUTPUTS = "outputs"
"""string: output of the last event to end that has one, at most ``max_output_chars`` long."""

ERROR = "error"
"""string: error of the last event to fail."""

SESSION_ID = "session.id"
"""string: the session's id, when one is known."""

CACHE_READ_TOKENS = "metadata.cache_read_tokens"
"""int, only when not 0: part of the input tokens."""

CACHE_WRITE_TOKENS = "metadata.cache_write_tokens"
"""int, only when not 0: part of the input tokens."""

REASONING_TOKENS = "metadata.reasoning_tokens"
"""int, only when not 0: part of the output tokens."""

NUM_TOOL_EVENTS = "metadata.num_tool_events"
"""int, only when not 0."""

NUM_ERRORS = "metadata.num_errors"
"""int, only when not 0: events that failed."""

NUM_UNPRICED_EVENTS = "metadata.num_unpriced_events"
"""int, only when not 0: billable events whose cost is unknown and therefore not in ``metadata.cost``."""

MODELS = "metadata.models"
"""string[]: models used, sorted, at most ``max_models``."""

COST_SOURCE = "metadata.cost_source"
"""string: ``computed``, ``recorded`` or ``mixed``."""

PARTIAL = "metadata.partial"
"""bool, only when true: the root left before everything below it had ended."""

PARTIAL_REASON = "metadata.partial_reason"
"""string, with ``metadata.partial``: why it could not wait."""

USER_ID = "user.id"
"""string: who uses the session, when that is known."""

METADATA_PREFIX = "metadata."
"""Begins the names of what the application says of a session: ``session(metadata={"plan": "pro"})`` is ``metadata.plan``."""

BUDGET_EXCEEDED = "metadata.budget_exceeded"
"""bool, only when true: the session had used more than a budget of it when the root left."""

NUM_TRACES = "metadata.num_traces"
"""int, on session records: traces of the session; one over several processes counts once."""

NUM_UNSAMPLED_TRACES = "metadata.num_unsampled_traces"
"""int, on session records, only when not 0: those of them that are not exported, because they are not sampled."""

AVERAGE_TRACE_LATENCY = "metadata.avg_trace_latency"
"""double, milliseconds, on session records: average duration of the roots of its traces."""

END_REASON = "metadata.end_reason"
"""string, on session records: why the session ended."""

REVISION = "metadata.revision"
"""int, on session records: 1 the first time; one more each time that the session came back or changed later."""

SPAN_KIND = "openinference.span.kind"
"""string, only where a profile asks for it: OpenInference's word for what a root or record is."""

INPUT = "input.value"
"""string, only where a profile asks for it: what was asked first."""

ROLLUP = "metadata.rollup"
"""string: what the totals beside it are over: ``trace``, ``part`` or ``session``.  Sums over ``trace`` count nothing twice."""

OF_TRACE = "trace"
"""Of ``ROLLUP``: a session root, over its trace, as far as nobody else carries its totals."""

OF_PART = "part"
"""Of ``ROLLUP``: a session root whose totals the root that begins the trace carries, too, when they are there in time."""

OF_SESSION = "session"
"""Of ``ROLLUP``: a session record, over all traces of a session."""

SESSION_SPAN = "session"
"""Name of the span that is the session record."""

FEEDBACK_SPAN = "feedback"
"""Name of the span that ``record_feedback`` emits."""

EVALUATION_EVENT = "gen_ai.evaluation.result"
"""Name of the span event that carries feedback; of the OpenTelemetry GenAI conventions, like its attributes below."""

EVALUATION_NAME = "gen_ai.evaluation.name"
"""string: what was evaluated."""

EVALUATION_SCORE = "gen_ai.evaluation.score.value"
"""double: the score."""

EVALUATION_LABEL = "gen_ai.evaluation.score.label"
"""string: the score in words."""

EVALUATION_EXPLANATION = "gen_ai.evaluation.explanation"
"""string: what was said about it."""

OUR_SCOPE = "otel_session_agg"
"""Instrumentation scope of the spans that this library makes itself; they are no events."""

KEPT_WHEN_SET = frozenset({DURATION, SESSION_ID})
"""Names whose value stays when it was set by hand on the root."""

LEFT_WHEN_UNKNOWN = frozenset({OUTPUTS, ERROR})
"""Reserved names whose value stays when it was set by hand on the root and there is none to write: applications use them, too."""

RESERVED = frozenset(
    {
        NUM_EVENTS, NUM_MODEL_EVENTS, HAS_FEEDBACK, COST, TOTAL_TOKENS, PROMPT_TOKENS, COMPLETION_TOKENS, START_TIME,
        END_TIME, OUTPUTS, ERROR, CACHE_READ_TOKENS, CACHE_WRITE_TOKENS, REASONING_TOKENS, NUM_TOOL_EVENTS, NUM_ERRORS,
        NUM_UNPRICED_EVENTS, MODELS, COST_SOURCE, PARTIAL, PARTIAL_REASON, BUDGET_EXCEEDED, NUM_TRACES, NUM_UNSAMPLED_TRACES,
        AVERAGE_TRACE_LATENCY, END_REASON, REVISION, ROLLUP,
    }
)  # fmt: skip
"""Names that belong to this library: a value set by a user is overwritten, with one warning per name."""
