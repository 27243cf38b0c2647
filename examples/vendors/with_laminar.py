"""Totals on the roots that Laminar's SDK exports.

    pip install . lmnr openai
    LMNR_PROJECT_API_KEY=... OPENAI_API_KEY=... python with_laminar.py

``Laminar.initialize`` makes the global provider and its exporter itself.  Ours is added beside it,
in live mode.  Laminar's spans do not see OpenTelemetry's context, where ``session()`` is; they name
the session in Laminar's own way, which is read.

With a Laminar of your own: ``LMNR_BASE_URL`` and the port of its HTTP interface, which Laminar does
not take from a variable, in ``LAMINAR_HTTP_PORT``.
"""

from __future__ import annotations

import os

import openai
from lmnr import Laminar
from opentelemetry import trace

from otel_session_agg import SessionSpanProcessor

Laminar.initialize(http_port=int(os.environ.get("LAMINAR_HTTP_PORT", "443")), force_http=True)
trace.get_tracer_provider().add_span_processor(SessionSpanProcessor())

client = openai.OpenAI()


def ask(question: str) -> str | None:
    """One call; Laminar has instrumented the client."""
    answer = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": question}]
    )
    return answer.choices[0].message.content


with Laminar.start_as_current_span("explain", session_id="chat-42"):
    ask("What is a span?")
    ask("Say it shorter.")
with Laminar.start_as_current_span("follow up", session_id="chat-42"):
    ask("And a trace?")

Laminar.shutdown()
