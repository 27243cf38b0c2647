r"""A function on AWS Lambda: all has left before the answer does, as the process may freeze then.

    pip install '.[demo,redis]'
    printf '%s\n' '{"chat": "chat-1", "text": "How are you?"}' '{"chat": "chat-1", "last": true}' |
        python examples/lambda_function.py

Between two invocations a Lambda process is stopped, for a moment or for good, and with it the
threads that export.  So the handler flushes at its end, and what has ended leaves with its totals.
Say how long a backend may take for its answer:  ``OTEL_EXPORTER_OTLP_TIMEOUT=1`` (seconds), since
OpenTelemetry's batch processor waits for its exporter however little time is left.

One process sees only its own part of a chat.  For totals over all of them, name a store that all
can reach:  ``OTEL_PYTHON_SESSION_AGG_STORE=redis://...``.  Flushing writes to it, too, so that
whichever process gets the last event of a chat writes the record of the whole.

On Lambda nothing but ``handler`` is used.  Run as a program, this reads events, a line each, and
hands them over as the runtime does; unless there is an ``OPENAI_API_KEY``, it runs offline, against
``model_server.py``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import model_server
import openai
from exporter import Printer
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from otel_session_agg import SessionSpanProcessor, session

MARGIN_MS = 250
"""Milliseconds of an invocation that are kept for its answer."""

# Once for each process, at its cold start.
provider = TracerProvider()
provider.add_span_processor(SessionSpanProcessor(Printer()))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("function")
OpenAIInstrumentor().instrument()
if "OPENAI_API_KEY" in os.environ:
    client = openai.OpenAI()
else:
    client = openai.OpenAI(base_url=model_server.start().base_url, api_key="not-a-key")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle an event: ``text`` is said in ``chat``, which ends after its ``last`` one."""
    try:
        return handle(event)
    finally:
        provider.force_flush(max(0, context.get_remaining_time_in_millis() - MARGIN_MS))


def handle(event: dict[str, Any]) -> dict[str, Any]:
    """What the function does."""
    with session(event["chat"]) as chat, tracer.start_as_current_span("invocation"):
        if event.get("last"):
            chat.end()
            return {"chat": event["chat"]}
        messages: Any = [{"role": "user", "content": event["text"]}]
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=messages)
        return {"chat": event["chat"], "text": answer.choices[0].message.content}


class Context:
    """What the runtime tells of an invocation."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is ended."""
        return max(0, int((self._end - time.monotonic()) * 1000))


if __name__ == "__main__":
    for event_line in sys.stdin:
        print(
            json.dumps(
                handler(
                    json.loads(event_line),
                    Context(float(os.environ.get("FUNCTION_TIMEOUT_SECONDS", "3"))),
                )
            ),
            flush=True,
        )
