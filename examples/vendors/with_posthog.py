"""Totals on the roots that go to PostHog, in PostHog's own names.

    pip install . 'posthog[otel]' openinference-instrumentation-openai openai
    POSTHOG_API_KEY=... POSTHOG_HOST=... OPENAI_API_KEY=... python with_posthog.py

PostHog's SDK has a processor for OpenTelemetry, which is wrapped.  It and PostHog itself take only
spans with an attribute that begins with ``gen_ai.`` (or ``ai.``, ``llm.``, ``traceloop.``), so the
roots say that they are an agent.
"""

from __future__ import annotations

import os

import openai
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from posthog.ai.otel import PostHogSpanProcessor

from otel_session_agg import SessionSpanProcessor, Settings, session

posthog = PostHogSpanProcessor(
    os.environ["POSTHOG_API_KEY"], os.environ.get("POSTHOG_HOST", "https://us.i.posthog.com")
)
provider = TracerProvider()
provider.add_span_processor(
    SessionSpanProcessor(posthog, settings=Settings(profiles=("default", "posthog")))
)
trace.set_tracer_provider(provider)
OpenAIInstrumentor().instrument()

client = openai.OpenAI()
tracer = trace.get_tracer("chats")

AGENT = {"gen_ai.operation.name": "invoke_agent"}


def ask(question: str) -> str | None:
    """One call; OpenInference has instrumented the client."""
    answer = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": question}]
    )
    return answer.choices[0].message.content


with session("chat-42", user_id="ada"):
    with tracer.start_as_current_span("explain", attributes=AGENT):
        ask("What is a span?")
        ask("Say it shorter.")
    with tracer.start_as_current_span("follow up", attributes=AGENT):
        ask("And a trace?")
