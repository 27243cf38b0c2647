"""A chat service with several workers: each chat is a session, with the totals of all workers.

    pip install '.[demo,redis]' fastapi uvicorn
    uvicorn --app-dir examples fastapi_workers.app:app --workers 4

Each request is a trace of its own, handled by whichever worker takes it.  The workers meet in a
store, so there is one answer to what a chat has cost, one budget, and one span named ``session``
with the totals when the chat ends:

    POST   /chats/{id}/messages   {"text": "..."}: asks the model; 402 when the budget is used up
    GET    /chats/{id}/totals     what the chat has used so far, in all workers
    POST   /chats/{id}/feedback   {"score": 1, "comment": "..."}: what somebody thinks of the chat
    DELETE /chats/{id}            ends the chat

Only three places know of sessions: the processor in ``lifespan``, ``session(...)`` around a
request's work, and the endpoints that ask for totals, give feedback and end a chat.  The spans are
those of real instrumentations: FastAPI itself makes one for each request (older versions do not,
see ``RequestSpans``), OpenInference one for each model call.  It runs offline: unless
``OPENAI_BASE_URL`` names a model provider, each worker has one of its own on loopback
(``../model_server.py``).

``chat.check(wait_seconds=...)`` waits until other workers have written what they are still working
on in the same chat, so a chat that asks again within milliseconds is refused, too.  Where nothing
may wait for the store, ``chat.check()`` looks at what this worker knows already.

Variables:

    OTEL_PYTHON_SESSION_AGG_STORE   where the workers meet: sqlite:///chats.db, redis://host:6379/0
    OTEL_TRACES_EXPORTER            ``otlp``: spans also go to the OTEL_EXPORTER_OTLP_ENDPOINT
    CHAT_BUDGET_USD                 what a chat may cost, 0.01 unless given

With gunicorn: ``gunicorn --chdir examples -k asgi -w 4 fastapi_workers.app:app``, with
``--preload`` or without.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import model_server
import openai
from exporter import Printer
from fastapi import FastAPI, HTTPException, Response
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from otel_session_agg import (
    Budget,
    BudgetExceeded,
    SessionSpanProcessor,
    Settings,
    end_session,
    record_feedback,
    session,
)

SETTINGS = Settings.from_env({"OTEL_PYTHON_SESSION_AGG_STORE": "sqlite:///chats.db", **os.environ})
BUDGET = Budget(cost_usd=float(os.environ.get("CHAT_BUDGET_USD", "0.01")))
MODEL = "gpt-4o-mini"
WAIT_SECONDS = 5.0
"""How long a request may wait for other workers with the same chat; as a rule there are none."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Set up what each worker has of its own; after a fork, so preloading does no harm."""
    provider = TracerProvider(
        resource=Resource.create({"service.name": "chats", "process.pid": os.getpid()})
    )
    provider.add_span_processor(SessionSpanProcessor(Printer(), settings=SETTINGS))
    trace.set_tracer_provider(provider)
    OpenAIInstrumentor().instrument()
    with ExitStack() as stack:
        base_url = (
            os.environ.get("OPENAI_BASE_URL")
            or stack.enter_context(model_server.running()).base_url
        )
        api_key = os.environ.get("OPENAI_API_KEY", "not-a-key")
        http_client = openai.DefaultHttpxClient(
            trust_env="OPENAI_BASE_URL" in os.environ
        )  # no proxy in front of our own
        app.state.model = stack.enter_context(
            openai.OpenAI(base_url=base_url, api_key=api_key, http_client=http_client)
        )
        yield
    provider.shutdown()


class RequestSpans:
    """A root span for each request, where FastAPI is too old to make one and not instrumented."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request inside a span."""
        if scope["type"] != "http" or trace.get_current_span().is_recording():
            await self._app(scope, receive, send)
            return
        with trace.get_tracer("chats").start_as_current_span(
            scope["method"], kind=trace.SpanKind.SERVER
        ):
            await self._app(scope, receive, send)


app = FastAPI(
    lifespan=lifespan, telemetry={"operation_spans": False}
)  # of its own spans, the one for each request is enough
app.add_middleware(RequestSpans)


class Message(BaseModel):
    """What somebody says."""

    text: str
    user: str | None = None


class Feedback(BaseModel):
    """What somebody thinks."""

    score: float | None = None
    comment: str | None = None


@app.post("/chats/{chat_id}/messages")
def post_message(chat_id: str, message: Message) -> dict[str, object]:
    """Ask the model, unless the chat has used up its budget."""
    with session(chat_id, user_id=message.user, budget=BUDGET) as chat:
        try:
            chat.check(wait_seconds=WAIT_SECONDS)
        except BudgetExceeded as exceeded:
            raise HTTPException(402, str(exceeded)) from None
        answer = app.state.model.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": message.text}]
        )
        return {
            "text": answer.choices[0].message.content,
            "usage": answer.usage.model_dump(exclude_none=True),
        }


@app.get("/chats/{chat_id}/totals")
def get_totals(chat_id: str) -> dict[str, object]:
    """What the chat has used so far in all workers, those included that are still answering."""
    rollup = session(chat_id).rollup(wait_seconds=WAIT_SECONDS)
    return {
        "cost_usd": rollup.cost_usd,
        "total_tokens": rollup.total_tokens,
        "model_events": rollup.num_model_events,
        "has_feedback": rollup.has_feedback,
    }


@app.post("/chats/{chat_id}/feedback", status_code=202, response_class=Response)
def post_feedback(chat_id: str, feedback: Feedback) -> None:
    """Note what somebody thinks of the chat; it need not be known here, nor be open."""
    record_feedback(feedback.score, comment=feedback.comment, session_id=chat_id)


@app.delete("/chats/{chat_id}", status_code=202, response_class=Response)
def delete_chat(chat_id: str) -> None:
    """End the chat, whichever workers it was in: one of them writes its record."""
    end_session(chat_id)
