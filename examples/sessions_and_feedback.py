"""Chats of several requests each: whose they are, what they cost, and what people think of them.

    pip install '.[demo]'
    python examples/sessions_and_feedback.py

Each request is a trace of its own, and several are answered at once.  ``session()`` around a
request's work names its chat; the record of a chat is written when it ends, as a span named
``session`` and as an argument of ``on_session``.  Feedback may come inside a request, or later and
from anywhere with the chat's id: one that comes after the end gives a new revision of the record.
It runs offline, against ``model_server.py``.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import model_server
import openai
from exporter import Printer
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from otel_session_agg import (
    SessionRecord,
    SessionSpanProcessor,
    end_session,
    record_feedback,
    session,
)

CHATS = {"chat-1": "ada", "chat-2": "grace", "chat-3": "ada"}
TALK = (
    ("chat-1", "What is a kernel?"),
    ("chat-1", "And what is it good for?"),
    ("chat-1", "Explain it to a child of six, in one sentence."),
    ("chat-2", "How do I train a puppy?"),
    ("chat-2", "It does not listen at all!"),
    ("chat-3", "Please write a limerick about a parrot that knew too much."),
)


def show(record: SessionRecord) -> None:
    """Tell of a chat that has ended."""
    totals = record.rollup
    feedback = "feedback" if totals.has_feedback else "no feedback"
    print(
        f"{record.session_id} of {record.user_id} ({record.metadata['plan']}), "
        f"revision {record.revision}: {record.num_traces} traces, {totals.num_model_events} calls, "
        f"{totals.total_tokens} tokens, {totals.cost_usd} USD, {feedback}"
    )


provider = TracerProvider()
provider.add_span_processor(SessionSpanProcessor(Printer(), on_session=show))
trace.set_tracer_provider(provider)
OpenAIInstrumentor().instrument()
tracer = trace.get_tracer("chats")


def handle(client: openai.OpenAI, chat: str, question: str) -> None:
    """One request: everything that happens in it belongs to the chat."""
    with (
        session(chat, user_id=CHATS[chat], metadata={"plan": "pro"}),
        tracer.start_as_current_span("request"),
    ):
        client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": question}],
            prompt_cache_key=chat,
        )
        if question.endswith("!"):
            record_feedback(
                score=0, label="thumbs_down", comment="asked again, and louder"
            )  # 0 is feedback, too


def main() -> None:
    """Answer all questions of all chats, then end the chats."""
    with (
        model_server.running() as server,
        openai.OpenAI(base_url=server.base_url, api_key="not-a-key") as client,
    ):
        with ThreadPoolExecutor(4) as pool:
            for request in [pool.submit(handle, client, *said) for said in TALK]:
                request.result()
        print("so far:", session("chat-1").rollup().total_tokens, "tokens in chat-1")
        for chat in CHATS:
            end_session(chat)
        provider.force_flush()
        record_feedback(
            score=1, comment="solved my problem", session_id="chat-1"
        )  # days later: from another process, with a store
        provider.shutdown()
        for chat in CHATS:
            print(f"the model server counted {server.usage(chat)} for {chat}")


if __name__ == "__main__":
    main()
