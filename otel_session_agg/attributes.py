"""The name of every attribute, event and span that this library writes.

Attributes are on session roots, in the ``default`` profile, unless stated otherwise.  Never
``gen_ai.usage.*`` or ``llm.token_count.*``: backends sum those over all spans and would count
everything twice.
"""

from __future__ import annotations

NUM_EVENTS = "metadata.num_events"
"""int: events below the root.

The root counts, too, when it is itself a model, embedding, tool or retriever event.
"""

NUM_MODEL_EVENTS = "metadata.num_model_events"
"""int: innermost model calls."""

HAS_FEEDBACK = "metadata.has_feedback"
"""bool: whether an event has feedback."""

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
"""double, milliseconds: latest end minus earliest start; a value set on the root is kept."""

OUTPUTS = "outputs"
"""string: output of the last event to end that has one, at most ``max_output_chars`` long."""

ERROR = "error"
"""string: error of the last event to fail."""

SESSION_ID = "session.id"
"""string: the id of the session, if known."""

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
"""int, only when not 0: billable events whose cost is unknown, so not in ``metadata.cost``."""

MODELS = "metadata.models"
"""string[]: models used, sorted, at most 32."""

COST_SOURCE = "metadata.cost_source"
"""string: ``computed``, ``recorded`` or ``mixed``."""

PARTIAL = "metadata.partial"
"""bool, only when true: the root left before everything below it had ended."""

PARTIAL_REASON = "metadata.partial_reason"
"""string, with ``metadata.partial``: why the root could not wait."""

USER_ID = "user.id"
"""string: the user of the session, if known."""

METADATA_PREFIX = "metadata."
"""Prefix of a session's metadata: ``session(metadata={"plan": "pro"})`` is ``metadata.plan``."""

BUDGET_EXCEEDED = "metadata.budget_exceeded"
"""bool, only when true: the session had exceeded a budget when the root left."""

NUM_TRACES = "metadata.num_traces"
"""int, on session records: traces of the session; one over several processes counts once."""

NUM_UNSAMPLED_TRACES = "metadata.num_unsampled_traces"
"""int, on session records, only when not 0: traces not exported, because not sampled."""

AVERAGE_TRACE_LATENCY = "metadata.avg_trace_latency"
"""double, milliseconds, on session records: average duration of the roots of its traces."""

END_REASON = "metadata.end_reason"
"""string, on session records: why the session ended."""

REVISION = "metadata.revision"
"""int, on session records: 1 at first; one more each time the session resumed or changed."""

SPAN_KIND = "openinference.span.kind"
"""string, only where a profile has it: the OpenInference kind of a root or record."""

INPUT = "input.value"
"""string, only where a profile has it: the first input."""

ROLLUP = "metadata.rollup"
"""string: what the totals beside it are over: ``trace``, ``part`` or ``session``.

Sums over ``trace`` count nothing twice.
"""

OF_TRACE = "trace"
"""Value of ``ROLLUP``: on a session root whose totals no other root includes."""

OF_PART = "part"
"""Value of ``ROLLUP``: on a root whose totals the root that begins the trace includes, too.

It does when they are there in time.
"""

OF_SESSION = "session"
"""Value of ``ROLLUP``: on a session record, over all traces of a session."""

SESSION_SPAN = "session"
"""Name of the span that is the session record."""

FEEDBACK_SPAN = "feedback"
"""Name of the span that ``record_feedback`` emits."""

EVALUATION_EVENT = "gen_ai.evaluation.result"
"""Name of the span event that holds feedback.

From the OpenTelemetry GenAI conventions, like its attributes below.
"""

EVALUATION_NAME = "gen_ai.evaluation.name"
"""string: what was evaluated."""

EVALUATION_SCORE = "gen_ai.evaluation.score.value"
"""double: the score."""

EVALUATION_LABEL = "gen_ai.evaluation.score.label"
"""string: the score in words."""

EVALUATION_EXPLANATION = "gen_ai.evaluation.explanation"
"""string: a comment on the score."""

OUR_SCOPE = "otel_session_agg"
"""Instrumentation scope of the spans that this library makes itself; these are no events."""

KEPT_WHEN_SET = frozenset({DURATION, SESSION_ID})
"""Names whose value is kept when it was set by hand on the root."""

LEFT_WHEN_UNKNOWN = frozenset({OUTPUTS, ERROR})
"""Reserved names whose value, set by hand on the root, is kept when there is none to write.

Applications use these names, too.
"""

RESERVED = frozenset(
    {
        NUM_EVENTS, NUM_MODEL_EVENTS, HAS_FEEDBACK, COST, TOTAL_TOKENS, PROMPT_TOKENS,
        COMPLETION_TOKENS, START_TIME, END_TIME, OUTPUTS, ERROR, CACHE_READ_TOKENS,
        CACHE_WRITE_TOKENS, REASONING_TOKENS, NUM_TOOL_EVENTS, NUM_ERRORS, NUM_UNPRICED_EVENTS,
        MODELS, COST_SOURCE, PARTIAL, PARTIAL_REASON, BUDGET_EXCEEDED, NUM_TRACES,
        NUM_UNSAMPLED_TRACES, AVERAGE_TRACE_LATENCY, END_REASON, REVISION, ROLLUP,
    }
)  # fmt: skip
"""Names of this library: a value set by a user is overwritten, with one warning per name."""
