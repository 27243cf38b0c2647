"""Totals on the roots that OpenInference's instrumentations send to Arize Phoenix.

    pip install . arize-phoenix-otel openinference-instrumentation-openai openai
    PHOENIX_COLLECTOR_ENDPOINT=... PHOENIX_API_KEY=... OPENAI_API_KEY=... python with_phoenix.py

A processor that is added to the provider that ``register`` makes takes the place of its default
one; it wraps another of Phoenix's own.
"""

from __future__ import annotations

import openai
from phoenix.otel import BatchSpanProcessor, register

from otel_session_agg import SessionSpanProcessor, session

provider = register(project_name="chats", protocol="http/protobuf", auto_instrument=True)
provider.add_span_processor(SessionSpanProcessor(BatchSpanProcessor(protocol="http/protobuf")))

client = openai.OpenAI()
tracer = provider.get_tracer("chats")


def ask(question: str) -> str | None:
    """One call; ``auto_instrument`` has instrumented the client."""
    answer = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": question}]
    )
    return answer.choices[0].message.content


with session("chat-42"):
    with tracer.start_as_current_span("explain", openinference_span_kind="chain"):
        ask("What is a span?")
        ask("Say it shorter.")
    with tracer.start_as_current_span("follow up", openinference_span_kind="chain"):
        ask("And a trace?")
