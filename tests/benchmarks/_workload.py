"""The workload that the benchmarks share: one session trace of 24 spans, and what its root must say afterwards.

A root, 3 agents, 10 tools and 10 model calls with 8 ``gen_ai.*`` attributes each.  The figures differ from trace to trace,
so that a total that took from or lost to another trace shows.  The expected cost is worked out by ``genai_prices`` itself.
"""

from __future__ import annotations

import json
import re
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from genai_prices import Usage as PricedUsage
from genai_prices import calc_price
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer

from otel_session_agg._model.span import SpanData
from otel_session_agg._spans.received import span_data

SPANS = 24
"""Spans of one trace."""

CALLS = 10
"""Model calls of one trace, and tools."""

CHATS = 16
"""Sessions that the traces of a run belong to, when they belong to any."""

NO_ATTRIBUTES: Mapping[str, Any] = {}

TRACE = "bench.trace"
"""The root's attribute that says which trace it is."""

MODEL = "gpt-4o-2024-08-06"

_AGENTS = (4, 3, 3)
"""Model calls, and tools, of each agent."""


def say(line: str = "") -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def prompt_tokens(trace: int, call: int) -> int:
    """What one call of one trace reads."""
    return 1000 + 7 * (trace % 1009) + call


def completion_tokens(trace: int, call: int) -> int:
    """What one call of one trace writes."""
    return 100 + trace % 31 + call


def run_trace(tracer: Tracer, trace: int = 0, *, dialect: Dialect | None = None, root: Mapping[str, Any] = NO_ATTRIBUTES) -> None:
    """Make the spans of one trace; ``root``: what its root says, too."""
    deque(trace_steps(tracer, trace, dialect or GEN_AI, root), maxlen=0)


def trace_steps(tracer: Tracer, trace: int, dialect: Dialect, root: Mapping[str, Any] = NO_ATTRIBUTES) -> Iterator[None]:
    """Make the spans of one trace, and pause after each model call."""
    call = 0
    with tracer.start_as_current_span("session", attributes={TRACE: trace, **root}):
        for agent, steps in enumerate(_AGENTS):
            with tracer.start_as_current_span(f"invoke_agent {agent}", attributes=dialect.agent(trace, agent)):
                for _ in range(steps):
                    with tracer.start_as_current_span(f"chat {MODEL}", attributes=dialect.model(trace, call)):
                        pass
                    yield
                    with tracer.start_as_current_span("execute_tool search", attributes=dialect.tool(trace, call)):
                        pass
                    call += 1


def chat_of(trace: int) -> str:
    """The session that a trace belongs to, where traces belong to sessions."""
    return f"chat-{trace % CHATS}"


def model_attributes(trace: int, call: int) -> dict[str, Any]:
    """What a model call says of itself."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": MODEL,
        "gen_ai.response.id": f"chatcmpl-{trace}-{call}",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": prompt_tokens(trace, call),
        "gen_ai.usage.output_tokens": completion_tokens(trace, call),
    }


def _agent_attributes(_trace: int, agent: int) -> dict[str, Any]:
    return {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": f"agent {agent}"}


def _tool_attributes(_trace: int, _call: int) -> dict[str, Any]:
    return {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search", "gen_ai.tool.call.id": "c"}


class Dialect(NamedTuple):
    """The attributes of each sort of span, by trace and number; all dialects say the same."""

    agent: Callable[[int, int], dict[str, Any]]
    model: Callable[[int, int], dict[str, Any]]
    tool: Callable[[int, int], dict[str, Any]]


GEN_AI = Dialect(_agent_attributes, model_attributes, _tool_attributes)
"""OpenTelemetry's semantic conventions."""


def conversing(dialect: Dialect) -> Dialect:
    """A dialect whose spans all name the conversation, as the conventions ask for."""

    def named(attributes: Callable[[int, int], dict[str, Any]]) -> Callable[[int, int], dict[str, Any]]:
        return lambda trace, number: {**attributes(trace, number), "gen_ai.conversation.id": chat_of(trace)}

    return Dialect(*map(named, dialect))


@lru_cache(maxsize=4096)
def expected(trace: int) -> dict[str, Any]:
    """What the root of a trace must say, times left out."""
    prompts = [prompt_tokens(trace, call) for call in range(CALLS)]
    completions = [completion_tokens(trace, call) for call in range(CALLS)]
    costs = [priced(prompt, completion) for prompt, completion in zip(prompts, completions, strict=True)]
    return {
        "metadata.num_events": SPANS - 1,
        "metadata.num_model_events": CALLS,
        "metadata.num_tool_events": CALLS,
        "metadata.prompt_tokens": sum(prompts),
        "metadata.completion_tokens": sum(completions),
        "metadata.total_tokens": sum(prompts) + sum(completions),
        "metadata.cost": float(sum(costs)),
        "metadata.cost_source": "computed",
        "metadata.has_feedback": False,
        "metadata.models": (MODEL,),
        "metadata.rollup": "trace",
    }


def priced(prompt: int, completion: int) -> Decimal:
    """What ``genai_prices`` says that a call costs, USD."""
    usage = PricedUsage(input_tokens=prompt, output_tokens=completion)
    when = datetime.now(tz=timezone.utc)
    return calc_price(usage, MODEL, provider_id="openai", genai_request_timestamp=when).total_price


_MADE_OF = re.compile(r"metadata\.(by_|model_|tool_duration|busy_|idle_|longest_|time_to_|durations_)")
"""Attributes about what totals are made of: times differ each time, and the rows are added up."""


def wrong(attributes: Mapping[str, Any], want: Mapping[str, Any] | None = None) -> dict[str, tuple[Any, Any]]:
    """Expected and actual of each total that is wrong on an exported root; a total too many is wrong, too."""
    want = expected(attributes[TRACE]) if want is None else want
    have = {key: value for key, value in attributes.items() if key.startswith("metadata.") and not _MADE_OF.match(key)}
    for name in ("by_model", "by_agent", "by_tool"):  # versions before 0.5.0 have none
        rows = json.loads(attributes.get(f"metadata.{name}", "{}")).values()
        if rows:
            have[f"metadata.{name}"] = sum(row.get("total_tokens", 0) for row in rows)
            want = {**want, f"metadata.{name}": want["metadata.total_tokens"]}
    return {key: (want.get(key), have.get(key)) for key in want.keys() | have.keys() if want.get(key) != have.get(key)}


def is_root(span: ReadableSpan) -> bool:
    """Whether a span is the root of one of the traces above."""
    return span.parent is None


class Null(SpanExporter):
    """Throws spans away; keeps them instead while it is asked to."""

    def __init__(self) -> None:
        self.keep = False
        self.spans: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take spans."""
        if self.keep:
            self.spans.extend(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to end."""


class Keep(SpanProcessor):
    """Keeps ended spans."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span."""
        self.spans.append(span)


def provider_of(processor: SpanProcessor | None) -> TracerProvider:
    """A tracer provider with one processor."""
    provider = TracerProvider(shutdown_on_exit=False)
    if processor is not None:
        provider.add_span_processor(processor)
    return provider


def recorded(traces: int = 1) -> list[ReadableSpan]:
    """The ended spans of so many traces, in the order they ended."""
    keep = Keep()
    tracer = provider_of(keep).get_tracer("bench.workload", "1.0")
    for trace in range(traces):
        run_trace(tracer, trace)
    return keep.spans


def by_kind() -> dict[str, SpanData]:
    """One span of each sort, as the engine gets them."""
    found: dict[str, SpanData] = {}
    for span in recorded():
        data = span_data(span)
        found.setdefault(str(data.attributes.get("gen_ai.operation.name", "root")), data)
    return {"model call": found["chat"], "tool": found["execute_tool"], "agent": found["invoke_agent"], "root": found["root"]}
