"""Totals on the roots that Logfire's SDK exports.

    pip install . logfire openai
    LOGFIRE_TOKEN=... OPENAI_API_KEY=... python with_logfire.py

Logfire takes more processors, but always exports by its own.  Ours runs beside it, in live mode.
Logfire scrubs values below names that contain "session", unless it is told that this one is no
secret.
"""

from __future__ import annotations

import logfire
import openai

from otel_session_agg import SessionSpanProcessor, session


def is_no_secret(match: logfire.ScrubMatch) -> object:
    """Keep a session's id of what Logfire would scrub, and nothing else."""
    return match.value if match.path == ("attributes", "session.id") else None


logfire.configure(
    service_name="chats",
    additional_span_processors=[SessionSpanProcessor()],
    scrubbing=logfire.ScrubbingOptions(callback=is_no_secret),
)
logfire.instrument_openai()

client = openai.OpenAI()


def ask(question: str) -> str | None:
    """One call; Logfire has instrumented the client."""
    answer = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": question}]
    )
    return answer.choices[0].message.content


with session("chat-42"):
    with logfire.span("explain"):
        ask("What is a span?")
        ask("Say it shorter.")
    with logfire.span("follow up"):
        ask("And a trace?")
