"""Totals on the roots that OpenLIT's SDK exports, to OpenLIT or to any other OTLP endpoint.

    pip install . openlit openai
    OTEL_EXPORTER_OTLP_ENDPOINT=... OPENAI_API_KEY=... python with_openlit.py

``openlit.init`` makes the global provider and its exporter itself.  Ours is added beside it, in
live mode.
"""

from __future__ import annotations

import openai
import openlit
from opentelemetry import trace

from otel_session_agg import SessionSpanProcessor, session

openlit.init(application_name="chats")
trace.get_tracer_provider().add_span_processor(SessionSpanProcessor())

client = openai.OpenAI()


def ask(question: str) -> str | None:
    """One call; OpenLIT has instrumented the client."""
    answer = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": question}]
    )
    return answer.choices[0].message.content


with session("chat-42"):
    with openlit.start_trace("explain"):
        ask("What is a span?")
        ask("Say it shorter.")
    with openlit.start_trace("follow up"):
        ask("And a trace?")
