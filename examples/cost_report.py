"""On what the money went, for whom and when: a report over the sessions in a store.

    pip install '.[replay]'
    python examples/cost_report.py

All processes of an application write to one store; ``otel-session-agg sessions`` groups what is
there by user, day, plan or any other dimension, and by model, as a table for people and as CSV for
a spreadsheet.  The chats of this program are made up, on two days of January; in your application
an instrumentation makes the spans, and a file on a volume, or Redis, is the store.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_session_agg import SessionSpanProcessor, end_session, session


class Chat(NamedTuple):
    """One chat: who had it, when, and the input and output tokens of each of its calls."""

    user: str
    plan: str
    start: datetime
    calls: tuple[tuple[str, int, int], ...]


MONDAY = datetime(2026, 1, 12, 9, tzinfo=timezone.utc)
TUESDAY = MONDAY + timedelta(days=1)
CHATS = (
    Chat("ada", "pro", MONDAY, (("gpt-4o", 21_000, 900), ("gpt-4o-mini", 4_000, 350))),
    Chat("ada", "pro", TUESDAY, (("gpt-4o", 48_000, 2_100),)),
    Chat("ada", "pro", TUESDAY, (("gpt-4o-mini", 9_000, 700), ("our-own-model", 5_000, 80))),
    Chat("grace", "free", MONDAY, (("gpt-4o-mini", 12_000, 640),)),
    Chat("grace", "free", TUESDAY, (("gpt-4o-mini", 2_500, 210), ("gpt-4o-mini", 2_900, 95))),
    Chat("lin", "pro", TUESDAY, (("gpt-4o", 6_400, 380), ("gpt-4o", 7_100, 420))),
)
CALL_SECONDS = 2


@contextmanager
def traced(store: str) -> Iterator[trace.Tracer]:
    """Trace into a store, as every process of the application does."""
    provider = TracerProvider(resource=Resource({"service.name": "chats"}))
    exporter = InMemorySpanExporter()  # in your application: OTLPSpanExporter()
    provider.add_span_processor(SessionSpanProcessor(exporter, store=store))
    yield provider.get_tracer("chats")
    provider.shutdown()


def hold(tracer: trace.Tracer, chat: Chat, session_id: str) -> None:
    """Make the spans of a chat, one request with all of its calls."""
    now = int(chat.start.timestamp() * 1e9)
    with session(session_id, user_id=chat.user, metadata={"plan": chat.plan}):
        request = tracer.start_span("request", start_time=now)
        for model, prompt, completion in chat.calls:
            call = tracer.start_span(
                f"chat {model}",
                trace.set_span_in_context(request),
                start_time=now,
                attributes={
                    "gen_ai.operation.name": "chat",
                    "gen_ai.request.model": model,
                    "gen_ai.usage.input_tokens": prompt,
                    "gen_ai.usage.output_tokens": completion,
                },
            )
            now += int(CALL_SECONDS * 1e9)
            call.end(now)
        request.end(now)
    end_session(session_id)


def report(store: str, *options: str) -> None:
    """Run ``otel-session-agg sessions`` as in a shell."""
    print("\n$ otel-session-agg sessions", *options, flush=True)
    command = [sys.executable, "-m", "otel_session_agg", "sessions", "--store", store]
    subprocess.run([*command, *options], check=True)  # noqa: S603 -- what is above


def main() -> None:
    """Hold the chats, then ask what they have cost."""
    with TemporaryDirectory() as folder:
        store = f"sqlite:///{Path(folder, 'chats.db')}"
        with traced(store) as tracer:
            for number, chat in enumerate(CHATS, 1):
                hold(tracer, chat, f"chat-{number}")
        report(store, "--group-by", "user,day", "--columns", "sessions,cost")
        report(store, "--group-by", "plan")
        report(store, "--group-by", "model", "--sort", "-cost")
        report(store, "--group-by", "user,model", "--sort", "-cost", "--csv")


if __name__ == "__main__":
    main()
