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

BY_MODEL = "metadata.by_model"
"""string, only with model calls: what each model came to, as a JSON object of rows by name.

A row has ``calls``, ``cost`` (USD, absent when unknown), ``prompt_tokens``, ``completion_tokens``,
``total_tokens``, ``cache_read_tokens``, ``cache_write_tokens``, ``reasoning_tokens``, ``errors``,
``unpriced`` (calls without a known cost) and ``duration`` (milliseconds, added up).  Counts of 0
are left out, but for the calls.  At most 16 names; ``other`` is all further ones, ``none`` what has
no name.  The rows add up to the totals.
"""

BY_AGENT = "metadata.by_agent"
"""string, only with named agents: what the calls of each agent came to, see ``BY_MODEL``.

A call belongs to the nearest agent above it; ``none`` has the calls below no agent, too.
"""

BY_TOOL = "metadata.by_tool"
"""string, only with named tools: calls of each tool, see ``BY_MODEL``.

Tokens and cost are those of the model calls that a tool made; ``none`` has those that no tool made.
"""

BY_DIMENSION_PREFIX = "metadata.by_"
"""Prefix of strings, on session records: rows by the values of a dimension, see ``BY_MODEL``.

``metadata.by_user.id`` has a row for each user, if ``user.id`` is in the setting ``breakdown_by``.
"""

MODEL_DURATION = "metadata.model_duration"
"""double, milliseconds, only with model calls: time in which at least one of them ran."""

TOOL_DURATION = "metadata.tool_duration"
"""double, milliseconds, only with tools: time in which at least one of them ran."""

BUSY_DURATION = "metadata.busy_duration"
"""double, milliseconds: time in which at least one trace ran; on roots only where something was
idle."""

IDLE_DURATION = "metadata.idle_duration"
"""double, milliseconds: time between traces, in which nothing ran; on roots only when not 0."""

LONGEST_GAP = "metadata.longest_gap"
"""double, milliseconds, only when not 0: the longest time between two traces."""

TIME_TO_FIRST_TOKEN = "metadata.time_to_first_token"  # noqa: S105 -- no secret
"""double, milliseconds: of the first model call whose span states it."""

TIME_TO_FIRST_RESPONSE = "metadata.time_to_first_response"
"""double, milliseconds: from the start until a model call first answered.

It answers with its first token if its span states that, else when it ends.
"""

MODEL_LATENCY_P50 = "metadata.model_latency_p50"
"""double, milliseconds: median duration of the model calls, right to 1 %.

On roots only with more than one call, as the other percentiles.
"""

MODEL_LATENCY_P95 = "metadata.model_latency_p95"
"""double, milliseconds: 95th percentile of the durations of the model calls, right to 1 %."""

MODEL_LATENCY_P99 = "metadata.model_latency_p99"
"""double, milliseconds: 99th percentile of the durations of the model calls, right to 1 %."""

DURATIONS_EXACT = "metadata.durations_exact"
"""bool, only when false: some time in which several things ran may have been counted twice."""

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

NUM_TURNS = "metadata.num_turns"
"""int, on session records: turns of the session, which are the traces that begin in it."""

FIRST_INPUT = "metadata.first_input"
"""string, on session records: the first input, at most ``max_output_chars`` long."""

AVERAGE_TURN_COST = "metadata.average_turn_cost"
"""double, USD, on session records: the known cost for each turn."""

AVERAGE_TURN_TOKENS = "metadata.average_turn_tokens"
"""double, on session records: the tokens for each turn."""

DEAREST_TURN_COST = "metadata.dearest_turn_cost"
"""double, USD, on session records: the known cost of the turn that cost most."""

DEAREST_TURN_TOKENS = "metadata.dearest_turn_tokens"
"""int, on session records: its tokens."""

DEAREST_TURN_TRACE_ID = "metadata.dearest_turn_trace_id"
"""string, on session records: its trace id, 32 hexadecimal digits."""

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

ALERT_LOG = "session_agg.alert"
"""Event name of the log record about an alert."""

ALERT_ID = "session_agg.alert.id"
"""string: of the notification; the same each time that it is sent."""

ALERT_RULE = "session_agg.alert.rule"
"""string: name of the rule."""

ALERT_STATE = "session_agg.alert.state"
"""string: ``triggered`` or ``resolved``."""

ALERT_SEGMENT = "session_agg.alert.segment"
"""string, only if the rule divides sessions: the segment."""

ALERT_FIGURE_PREFIX = "session_agg.alert.figure."
"""Prefix of what was found: int or double; USD, milliseconds or percent."""

BREAKDOWNS = (BY_MODEL, BY_AGENT, BY_TOOL)
"""Names whose value is a JSON object of rows."""

KEPT_WHEN_SET = frozenset({DURATION, SESSION_ID})
"""Names whose value is kept when it was set by hand on the root."""

LEFT_WHEN_UNKNOWN = frozenset({OUTPUTS, ERROR, FIRST_INPUT})
"""Reserved names whose value, set by hand on the root, is kept when there is none to write.

Applications use these names, too.
"""

RESERVED = frozenset(
    {
        NUM_EVENTS, NUM_MODEL_EVENTS, HAS_FEEDBACK, COST, TOTAL_TOKENS, PROMPT_TOKENS,
        COMPLETION_TOKENS, START_TIME, END_TIME, OUTPUTS, ERROR, CACHE_READ_TOKENS,
        CACHE_WRITE_TOKENS, REASONING_TOKENS, NUM_TOOL_EVENTS, NUM_ERRORS, NUM_UNPRICED_EVENTS,
        MODELS, COST_SOURCE, PARTIAL, PARTIAL_REASON, BUDGET_EXCEEDED, NUM_TRACES,
        NUM_UNSAMPLED_TRACES, AVERAGE_TRACE_LATENCY, END_REASON, REVISION, ROLLUP, *BREAKDOWNS,
        MODEL_DURATION, TOOL_DURATION, BUSY_DURATION, IDLE_DURATION, LONGEST_GAP,
        TIME_TO_FIRST_TOKEN, TIME_TO_FIRST_RESPONSE, MODEL_LATENCY_P50, MODEL_LATENCY_P95,
        MODEL_LATENCY_P99, DURATIONS_EXACT,
        NUM_TURNS, FIRST_INPUT, AVERAGE_TURN_COST, AVERAGE_TURN_TOKENS, DEAREST_TURN_COST,
        DEAREST_TURN_TOKENS, DEAREST_TURN_TRACE_ID,
    }
)  # fmt: skip
"""Names of this library: a value set by a user is overwritten, with one warning per name."""
