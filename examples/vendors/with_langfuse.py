"""Totals on the roots that Langfuse's SDK exports.

    pip install . langfuse openai
    LANGFUSE_PUBLIC_KEY=... LANGFUSE_SECRET_KEY=... OPENAI_API_KEY=... python with_langfuse.py

Langfuse adds its own processor to the global provider.  Ours is added beside it, in live mode.
"""

from __future__ import annotations

from langfuse import get_client
from langfuse.openai import openai
from opentelemetry import trace

from otel_session_agg import SessionSpanProcessor, session

langfuse = get_client()
trace.get_tracer_provider().add_span_processor(SessionSpanProcessor())

client = openai.OpenAI()


def ask(question: str) -> str | None:
    """One call; it is Langfuse's client that tells of it."""
    answer = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": question}]
    )
    return answer.choices[0].message.content


with session("chat-42"):
    with langfuse.start_as_current_observation(as_type="span", name="explain"):
        ask("What is a span?")
        ask("Say it shorter.")
    with langfuse.start_as_current_observation(as_type="span", name="follow up"):
        ask("And a trace?")

langfuse.shutdown()
