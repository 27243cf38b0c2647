"""Prices of your own: negotiated, of a model on your own machines, by the length of the prompt.

    pip install '.[demo]'
    python examples/custom_prices.py

Prices are in USD per million tokens, by a glob over ``model`` or ``provider/model``; the most
specific one wins, and what none names has its list price.  A model without any price has an unknown
cost, which is never 0: it is counted in ``metadata.num_unpriced_events`` until you give it a price.
The program makes the same calls twice, with list prices and with its own.  It runs offline, against
``model_server.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import model_server
import openai
from exporter import Printer
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from otel_session_agg import PriceBook, Rollup, SessionSpanProcessor, session

LIST = PriceBook()
OURS = PriceBook(
    {
        "gpt-4o*": {
            "input": 2,
            "output": 8,
            "cache_read": 1,
        },  # negotiated; the * takes dated names and variants, too
        "gpt-4o-mini": {"input": 0.12, "output": 0.48},  # more specific, so it wins for this one
        "acme-llama-*": {
            "input": 0.2,
            "output": 0.2,
        },  # on our own machines: what a million tokens cost us in electricity
        "acme-long": {
            "input": 3,
            "output": 15,
            "tiers": [{"above_tokens": 1000, "input": 6, "output": 22.5}],
        },
    }
)
CALLS = (
    ("gpt-4o", "What is our share?"),
    ("gpt-4o-mini", "What is our share?"),
    ("gpt-4.1", "What is our share?"),
    ("acme-llama-8b", "What is our share?"),
    ("acme-long", "What is our share?"),
    ("acme-long", "And what does this say? " + "lorem ipsum " * 600),
)


@contextmanager
def tracing(prices: PriceBook) -> Iterator[trace.Tracer]:
    """Tracing with certain prices."""
    provider = TracerProvider()
    provider.add_span_processor(SessionSpanProcessor(Printer(), prices=prices))
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield provider.get_tracer("prices")
    instrumentor.uninstrument()
    provider.shutdown()


def make_calls(client: openai.OpenAI, name: str, tracer: trace.Tracer) -> Rollup:
    """Make all calls in one session and print what each has cost."""
    with session(name) as calls:
        for model, question in CALLS:
            before = calls.rollup()
            with tracer.start_as_current_span(model):
                client.chat.completions.create(
                    model=model, messages=[{"role": "user", "content": question}]
                )
            call = calls.rollup().since(before)
            cost = "unknown" if call.cost_usd is None else f"{call.cost_usd:.8f} USD"
            print(
                f"{name:<12}{model:<15}"
                f"{call.prompt_tokens:>6} + {call.completion_tokens:>4} tokens  {cost}"
            )
        return calls.rollup()


def main() -> None:
    """Make the calls with both price books."""
    with (
        model_server.running() as server,
        openai.OpenAI(base_url=server.base_url, api_key="not-a-key") as client,
    ):
        for name, prices in (("list-prices", LIST), ("our-prices", OURS)):
            with tracing(prices) as tracer:
                totals = make_calls(client, name, tracer)
            print(
                f"{name}: {totals.cost_usd} USD, {totals.num_unpriced_events} calls without a price"
            )
        print(server)


if __name__ == "__main__":
    main()
