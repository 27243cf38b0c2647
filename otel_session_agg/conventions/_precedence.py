"""The order of precedence: which convention, and which key, is asked first.

A span may state one thing under several keys: an application uses two SDKs, or an instrumentation
writes old and new names.  The first key with a valid value wins.  For most meanings (models,
providers, tokens, outputs, terms ...) the order is that of ``CONVENTIONS``, and within a convention
that of its table.  Kinds, session ids, users, agents and costs have orders of their own below,
because one vendor's keys may come both before and after another's.

In general a key that an application sets by hand comes before one that an instrumentation writes,
a vendor's own key before one that several vendors share, and a key that says what it means before
one that may mean anything.

A new convention needs a place in ``CONVENTIONS``, and each of its keys for a kind, session, user,
agent or cost a place in that list; ``tests/unit/conventions/test_precedence.py`` says which is
missing.  A key without a place is asked last.
"""

from __future__ import annotations

from otel_session_agg.conventions import (
    ag2,
    agentops,
    agentscope,
    anthropic,
    beeai,
    command_lines,
    confident,
    genkit,
    google_adk,
    haystack,
    honeyhive,
    judgeval,
    laminar,
    langfuse,
    langsmith,
    langwatch,
    litellm,
    llama_index,
    loongsuite,
    mastra,
    mirascope,
    mlflow,
    openinference,
    openlit,
    openllmetry,
    otel_genai,
    other_ids,
    posthog,
    pydantic_ai,
    runs,
    sentry,
    spring_ai,
    strands,
    traceai,
    trulens,
    usage_names,
    vercel,
    voice,
    voltagent,
)
from otel_session_agg.conventions._schema import Convention

CONVENTIONS: tuple[Convention, ...] = (
    langfuse.TABLE,  # the application's SDK states the whole of a call, whatever else is on it
    openinference.TABLE,
    beeai.TABLE,
    otel_genai.TABLE,  # with what extends it: a key of two tables belongs to the first
    openllmetry.TABLE,
    pydantic_ai.TABLE,
    openlit.TABLE,
    laminar.TABLE,
    vercel.TABLE,  # it writes GenAI's names beside its own
    posthog.TABLE,
    honeyhive.TABLE,
    judgeval.TABLE,
    mirascope.TABLE,
    mlflow.TABLE,
    langsmith.TABLE,
    google_adk.TABLE,
    strands.TABLE,
    litellm.TABLE,
    voice.TABLE,
    ag2.TABLE,
    agentops.TABLE,
    agentscope.TABLE,
    sentry.TABLE,
    anthropic.TABLE,  # bare names from here on: ``input_tokens``, ``model``
    command_lines.TABLE,
    genkit.TABLE,
    voltagent.TABLE,
    mastra.TABLE,
    spring_ai.TABLE,
    langwatch.TABLE,
    loongsuite.TABLE,
    traceai.TABLE,
    trulens.TABLE,
    confident.TABLE,
    haystack.TABLE,
    llama_index.TABLE,
    runs.TABLE,
    other_ids.TABLE,
    usage_names.TABLE,  # guessed names: what no other table has
)
"""All tables, for models, providers, tokens and everything that has no order of its own."""

WRONG_KIND_NAMES = "(names of spans whose attributes name a wrong kind)"
"""The place of ``NamedSpans`` with ``despite_keys``."""

SPAN_NAMES = "(names of spans)"
"""The place of all other ``NamedSpans``."""

KINDS: tuple[str, ...] = (
    WRONG_KIND_NAMES,
    # what an application or its vendor's SDK says of its own span
    "langfuse.observation.type",
    "openinference.span.kind",
    "langsmith.span.kind",
    "lmnr.span.type",
    "traceloop.span.kind",
    "agentops.span.kind",
    "langwatch.span.type",
    "mastra.span.type",
    "honeyhive_event_type",
    "judgment.span_kind",
    "ag2.usage.kind",
    "ag2.span.type",
    "litellm.guardrail.name",
    "gen_ai.span.kind",
    "mlflow.spanType",
    "ai.observability.span_type",
    "$ai_event",
    "event",
    # before GenAI's operation, which Vercel writes beside it for some spans only
    "ai.operationId",
    "operation.name",
    # a wrapper of a model's method is a call, although its own kind is a task
    "gen_ai.operation.name of calls",
    "traceloop.span.kind of wrappers",
    "gen_ai.operation.name",
    SPAN_NAMES,
    "confident.span.type",  # its integrations write it on the spans of others
    # names that others may use for other things
    "haystack.component.type",
    "span.type of VoltAgent",
    "span.type",
    "genkit:metadata:subtype",
    "mistral_ai.operation.id",
    "entity.type",
    "class_name",
    "llm.request.type",
)
"""Keys of the kind, or the ``place`` of a row where a key has several rows."""

SESSIONS: tuple[str, ...] = (
    "langfuse.session.id",
    "session.id",
    "honeyhive.session_id",
    "judgment.session_id",
    "lmnr.association.properties.session_id",
    "mirascope.ops.session.id",
    "traceloop.association.properties.session_id",
)
"""Keys that applications set for sessions: their ids are strong."""

WEAK_SESSIONS: tuple[str, ...] = (
    "traceloop.association.properties.sessionId",
    "traceloop.association.properties.thread_id",
    "traceloop.association.properties.conversation_id",
    "langsmith.metadata.session_id",
    "langsmith.metadata.thread_id",
    "langsmith.metadata.conversation_id",
    "langfuse.trace.metadata.langfuse_session_id",
    "langfuse.observation.metadata.langfuse_session_id",
    "ai.telemetry.metadata.sessionId",
    "ai.telemetry.metadata.session_id",
    "ai.telemetry.metadata.$ai_session_id",
    "metadata.sessionId",
    "ai.settings.context.sessionId",
    "$ai_session_id",
    "anthropic.session.id",
    "mlflow.trace.session",
    "langwatch.thread.id",
    "confident.trace.thread_id",
    "gen_ai.session.id",
    "gcp.vertex.agent.session_id",
    "genkit:sessionId",
    # conversations and threads that a framework names by itself, on sub-agents too
    "gen_ai.conversation.id",
    "coding_agent.session.id",
    "spring.ai.chat.client.conversation.id",
    "voltagent.conversation_id",
    "mastra.metadata.threadId",
    "conversation.id",
    # names that anything may have
    "thread_id",
    "lk.job_id",
)
"""Keys whose ids may be those of conversations, threads or runs; asked after ``SESSIONS``."""

STATED_BY_APPLICATIONS: frozenset[str] = frozenset(
    {
        "$ai_session_id",
        "ai.settings.context.sessionId",
        "ai.telemetry.metadata.$ai_session_id",
        "ai.telemetry.metadata.sessionId",
        "ai.telemetry.metadata.session_id",
        "gen_ai.session.id",
        "langfuse.observation.metadata.langfuse_session_id",
        "langfuse.trace.metadata.langfuse_session_id",
        "langwatch.thread.id",
        "metadata.sessionId",
        "mlflow.trace.session",
    }
)
"""Weak keys that hold what the application states in the terms of one vendor: the same id under a
strong key is no copy."""

USERS: tuple[str, ...] = (
    "langfuse.user.id",
    "langfuse.trace.user_id",
    "user.id",
    "enduser.id",
    "honeyhive_user_properties.user_id",
    "honeyhive_user_id",
    "judgment.customer_user_id",
    "lmnr.association.properties.user_id",
    "traceloop.association.properties.user_id",
    "traceloop.association.properties.userId",
    "langsmith.metadata.user_id",
    "langfuse.trace.metadata.langfuse_user_id",
    "langfuse.observation.metadata.langfuse_user_id",
    "ai.telemetry.metadata.userId",
    "ai.telemetry.metadata.user_id",
    "metadata.userId",
    "ai.settings.context.userId",
    "posthog.distinct_id",
    "$ai_user_id",
    "mlflow.trace.user",
    "langwatch.user.id",
    "confident.trace.user_id",
    "gen_ai.user.id",
    "gcp.vertex.agent.user_id",
    "gen_ai.request.user",
    "mastra.metadata.userId",
)
"""Keys of the user of a session, in the order of the same vendors' sessions."""

AGENT_NAMES: tuple[str, ...] = (
    "crewai.agent.role",  # beside it, CrewAI writes a hash as GenAI's name of an agent
    "agent.name",
    "gen_ai.agent.name",
    "agent_name",
    "judgment.agent_instance_name",
    "confident.agent.name",
    "voltagent.agent.name",
    "lk.agent_name",
    "ai.telemetry.functionId",
    "traceloop.association.properties.lc_agent_name",
    "langsmith.metadata.lc_agent_name",
    "langfuse.observation.metadata.lc_agent_name",
)
"""Keys of the agent, on its own spans and on those of calls."""

COSTS: tuple[str | tuple[str, ...], ...] = (
    "langfuse.observation.cost_details",
    "gen_ai.usage.cost",
    "llm.cost.total",
    ("llm.cost.prompt", "llm.cost.completion"),
    "operation.cost",
    "gen_ai.cost.total_cost",
    "litellm.cost.total",
    "litellm.response_cost",
    "litellm.response-cost",
    "http.response.header.x-litellm-response-cost",
    "gen_ai.usage.total_cost",
    "gen_ai.usage.cost.amount",
    "langwatch.span.cost",
    "judgment.usage.total_cost_usd",
    "ai.observability.cost.cost",
    "$ai_total_cost_usd",
    ("$ai_input_cost_usd", "$ai_output_cost_usd"),
    "mlflow.llm.cost",
    ("gen_ai.usage.input_cost", "gen_ai.usage.output_cost"),
    "hidden_params",
    *otel_genai.MADE_UP_COSTS,  # spellings that applications and gateways made up
    ("gen_ai.cost.input_usd", "gen_ai.cost.output_usd"),
    "gen_ai.cost.total_tokens",
    ("gen_ai.cost.input_tokens", "gen_ai.cost.output_tokens"),
)
"""Keys of the recorded cost in USD, and of parts that are added; a billed amount beats them all."""

GENERIC_COSTS: tuple[str, ...] = otel_genai.GENERIC_COSTS
"""Names that may mean anything: read on model calls and beside tokens only, after ``COSTS``."""
