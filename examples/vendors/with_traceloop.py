"""Totals on the roots that Traceloop's SDK exports, to Traceloop or to another backend.

    pip install . traceloop-sdk openai httpx
    TRACELOOP_API_KEY=... OPENAI_API_KEY=... python with_traceloop.py

``Traceloop.init`` takes a processor, so its own one is wrapped.
"""

from __future__ import annotations

import openai
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import workflow

from otel_session_agg import SessionSpanProcessor, session

Traceloop.init("chats", processor=SessionSpanProcessor(Traceloop.get_default_span_processor()))

client = openai.OpenAI()


def ask(question: str) -> str | None:
    """One call; Traceloop has instrumented the client."""
    answer = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": question}]
    )
    return answer.choices[0].message.content


@workflow(name="explain")
def explain() -> None:
    """A trace with two calls."""
    ask("What is a span?")
    ask("Say it shorter.")


@workflow(name="follow up")
def follow_up() -> None:
    """A trace with one."""
    ask("And a trace?")


with session("chat-42"):
    explain()
    follow_up()
