"""Totals on the roots that HoneyHive's SDK exports, in HoneyHive's own names, too.

    pip install . honeyhive openinference-instrumentation-openai openai
    HH_API_KEY=... HH_API_URL=... OPENAI_API_KEY=... python with_honeyhive.py

HoneyHive's tracer makes its provider and processor itself.  Ours is added beside it, in live mode.
HoneyHive gives each session an id of its own and takes no other, so that is the session's name here
as well.
"""

from __future__ import annotations

import openai
from honeyhive import HoneyHiveTracer
from openinference.instrumentation.openai import OpenAIInstrumentor

from otel_session_agg import SessionSpanProcessor, Settings, session

honeyhive = HoneyHiveTracer.init(project="chats", session_name="chat-42")
honeyhive.provider.add_span_processor(
    SessionSpanProcessor(settings=Settings(profiles=("default", "honeyhive")))
)
OpenAIInstrumentor().instrument(tracer_provider=honeyhive.provider)

client = openai.OpenAI()
tracer = honeyhive.provider.get_tracer("chats")


def ask(question: str) -> str | None:
    """One call; OpenInference has instrumented the client."""
    answer = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": question}]
    )
    return answer.choices[0].message.content


with session(honeyhive.session_id):
    with tracer.start_as_current_span("explain"):
        ask("What is a span?")
        ask("Say it shorter.")
    with tracer.start_as_current_span("follow up"):
        ask("And a trace?")
