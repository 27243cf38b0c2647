"""What one answer of an application has cost, on the root span of its trace.

    pip install '.[demo]'
    python examples/quickstart.py

The spans of the model calls come from an instrumentation, here OpenInference's.  The only line that
is about totals is the one with ``SessionSpanProcessor``.  It runs offline, against
``model_server.py``; the exporter prints the totals of the root.
"""

from __future__ import annotations

import model_server
import openai
from exporter import Printer
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from otel_session_agg import SessionSpanProcessor

provider = TracerProvider()
provider.add_span_processor(
    SessionSpanProcessor(Printer())
)  # in your application: SessionSpanProcessor(OTLPSpanExporter())
trace.set_tracer_provider(provider)
OpenAIInstrumentor().instrument()


def ask(client: openai.OpenAI, question: str) -> str:
    """Answer a question: two calls, the second with what the first has said."""
    plan = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": f"Make a plan for answering: {question}"}],
    )
    steps = plan.choices[0].message.content or ""
    answer = client.chat.completions.create(
        model="gpt-4o",
        messages=[
            {"role": "user", "content": f"Make a plan for answering: {question}"},
            {"role": "assistant", "content": steps},
            {"role": "user", "content": "Now answer."},
        ],
    )
    return answer.choices[0].message.content or ""


def main() -> None:
    """Answer one question."""
    with (
        model_server.running() as server,
        openai.OpenAI(base_url=server.base_url, api_key="not-a-key") as client,
    ):
        with trace.get_tracer("quickstart").start_as_current_span("answer a question"):
            ask(client, "Why is the sky blue?")
        provider.shutdown()
        print(server)


if __name__ == "__main__":
    main()
