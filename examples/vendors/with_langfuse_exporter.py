"""Totals on the roots that Langfuse's SDK exports, with an exporter of ours.

    pip install . langfuse openai
    export LANGFUSE_PUBLIC_KEY=... LANGFUSE_SECRET_KEY=... OPENAI_API_KEY=...
    python with_langfuse_exporter.py

Langfuse takes an exporter, and gives it nothing: where Langfuse is and with which keys has to be
said again.  That is more to write than ``with_langfuse.py``, but late children are waited for, and
the record of a session arrives, too.
"""

from __future__ import annotations

import base64
import os

from langfuse import Langfuse
from langfuse.openai import openai
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from otel_session_agg import SessionSpanExporter, session

base_url = os.environ.get("LANGFUSE_BASE_URL", "https://cloud.langfuse.com")
public_key = os.environ["LANGFUSE_PUBLIC_KEY"]
keys = base64.b64encode(f"{public_key}:{os.environ['LANGFUSE_SECRET_KEY']}".encode()).decode()
exporter = OTLPSpanExporter(
    f"{base_url}/api/public/otel/v1/traces",
    headers={
        "Authorization": f"Basic {keys}",
        "x-langfuse-public-key": public_key,
        "x-langfuse-ingestion-version": "4",
    },
)
langfuse = Langfuse(span_exporter=SessionSpanExporter(exporter))

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
