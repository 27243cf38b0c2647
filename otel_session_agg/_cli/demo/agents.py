"""The demo's application: agents that call a model by the real ``openai`` client.

A real instrumentation makes the spans of the model calls.  Agents and tools have no library here
that would make theirs, so they are made by hand, as the OpenTelemetry GenAI conventions have them.
Nothing in this module knows that the spans will be added up.
"""

# ruff: noqa: PLC0415  the client reads variables while it is imported

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn

from opentelemetry.trace import SpanKind

from otel_session_agg._cli.demo import script
from otel_session_agg._cli.demo.server import SESSION_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openai import AsyncOpenAI, OpenAI
    from openai.types.chat import ChatCompletionMessage
    from opentelemetry.trace import Span, TracerProvider

__all__ = ["SCOPE", "SESSIONS", "run_sessions"]

AGENT_NAME: Final = "gen_ai.agent.name"
"""Name of the agent of an ``invoke_agent`` span."""

OPERATION_NAME: Final = "gen_ai.operation.name"
"""The operation of a GenAI span."""

SESSION_ID: Final = "session.id"
"""The conversation that a span belongs to; one span of a trace is enough to have it."""

TOOL_NAME: Final = "gen_ai.tool.name"
"""Name of the tool of an ``execute_tool`` span."""

SCOPE: Final = "demo.agents"
"""Instrumentation scope of the spans made by hand, all roots among them."""

REFUND, TRIP, RESEARCH, WEATHER, CONTRACT = SESSIONS = (
    "refund-4711",
    "trip-chat",
    "ebike-research",
    "weather-oslo",
    "contract-qa",
)

_API_KEY = "not-a-key"  # the client insists on one, the model server does not look at it
_TIMEOUT_SECONDS = 5.0


class _Application:
    """The address of the model server, and a tracer."""

    def __init__(self, base_url: str, tracer_provider: TracerProvider) -> None:
        self._base_url = f"{base_url}/v1"
        self._tracer = tracer_provider.get_tracer(SCOPE)

    def client(self, session: str) -> OpenAI:
        """Make a client for one session: the server distinguishes sessions by a header."""
        from openai import DefaultHttpxClient, OpenAI

        # proxies of the environment must not see calls to loopback
        http_client = DefaultHttpxClient(trust_env=False)
        return OpenAI(http_client=http_client, **self._client_arguments(session))

    def async_client(self, session: str) -> AsyncOpenAI:
        """Make a client for one session, for asyncio."""
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        http_client = DefaultAsyncHttpxClient(trust_env=False)
        return AsyncOpenAI(http_client=http_client, **self._client_arguments(session))

    def _client_arguments(self, session: str) -> dict[str, Any]:
        return {
            "base_url": self._base_url,
            "api_key": _API_KEY,
            "default_headers": {SESSION_HEADER: session},
            "max_retries": 0,
            "timeout": _TIMEOUT_SECONDS,
        }

    @contextmanager
    def agent(self, name: str, session: str | None = None) -> Iterator[Span]:
        """Make the span of an agent's work."""
        attributes = {OPERATION_NAME: "invoke_agent", AGENT_NAME: name}
        if session is not None:
            attributes[SESSION_ID] = session
        with self._tracer.start_as_current_span(
            f"invoke_agent {name}", kind=SpanKind.INTERNAL, attributes=attributes
        ) as span:
            yield span

    @contextmanager
    def tool(self, name: str) -> Iterator[Span]:
        """Make the span of a tool's run; an exception is recorded on it and goes on."""
        attributes = {OPERATION_NAME: "execute_tool", TOOL_NAME: name}
        with self._tracer.start_as_current_span(
            f"execute_tool {name}", attributes=attributes
        ) as span:
            yield span


def run_sessions(base_url: str, tracer_provider: TracerProvider) -> None:
    """Run all sessions, one after the other."""
    application = _Application(base_url, tracer_provider)
    _refund(application)
    _trip(application)
    asyncio.run(_research(application))
    _weather(application)
    _contract(application)


def _refund(application: _Application) -> None:
    """Run a loop of model and tools: each prompt is longer, and its start is cached."""
    results = {"look_up_order": script.REFUND_ORDER, "pay_back": script.REFUND_DONE}
    with application.client(REFUND) as client, application.agent("refund-agent", REFUND):
        messages: list[Any] = [{"role": "user", "content": script.REFUND_QUESTION}]
        while True:
            message = _ask(client, "gpt-4o-mini", messages)
            if not message.tool_calls:
                return
            # no custom tools are offered
            name = message.tool_calls[0].function.name  # type: ignore[union-attr]
            with application.tool(name):
                time.sleep(0.015)
            _append_tool_result(messages, message, results[name])


def _trip(application: _Application) -> None:
    """Stream a chat of two turns; the usage comes with the last chunk, because it is requested."""
    with application.client(TRIP) as client, application.agent("trip-planner", TRIP):
        messages: list[Any] = []
        for question in (script.TRIP_QUESTION, script.TRIP_CHANGE):
            messages.append({"role": "user", "content": question})
            chunks = client.chat.completions.create(
                model="gpt-4o",
                messages=messages,
                stream=True,
                stream_options={"include_usage": True},
            )
            answer = "".join(
                chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices
            )
            messages.append({"role": "assistant", "content": answer})


async def _research(application: _Application) -> None:
    """Run three researchers at once, and a note that goes on when the root span has ended.

    The researchers know the session's id, the root does not.
    """
    async with application.async_client(RESEARCH) as client:
        with application.agent("research-lead"):
            await _ask_async(client, "gpt-4o", script.RESEARCH_QUESTION)
            await asyncio.gather(
                *(_look_into(application, client, topic) for topic in script.RESEARCH_TOPICS)
            )
            await _ask_async(client, "o4-mini", script.RESEARCH_SUMMARY)
            note = asyncio.create_task(_take_note(application, client))
            await asyncio.sleep(0)  # let it start: its span is open before the root's ends
        await note


async def _look_into(application: _Application, client: AsyncOpenAI, topic: str) -> None:
    with application.agent("researcher", RESEARCH):
        await client.embeddings.create(model="text-embedding-3-small", input=f"embed: {topic}")
        await _ask_async(client, "gpt-4o-mini", f"research: {topic}")


async def _take_note(application: _Application, client: AsyncOpenAI) -> None:
    with application.agent("note-taker"):
        await _ask_async(client, "gpt-4o-mini", script.RESEARCH_MEMORY)


def _weather(application: _Application) -> None:
    """Let a tool fail; the model reads the error and tries the tool's other source."""
    with application.client(WEATHER) as client, application.agent("weather-agent", WEATHER):
        messages: list[Any] = [{"role": "user", "content": script.WEATHER_QUESTION}]
        message = _ask(client, "gpt-4o-mini", messages)
        try:
            with application.tool("get_forecast"):
                _ask_forecast_service()
        except TimeoutError:
            _append_tool_result(messages, message, script.WEATHER_ERROR)
        message = _ask(client, "gpt-4o-mini", messages)
        with application.tool("get_forecast"):
            time.sleep(0.01)
        _append_tool_result(messages, message, script.WEATHER_FORECAST)
        _ask(client, "gpt-4o-mini", messages)


def _contract(application: _Application) -> None:
    """Ask a model that no price list knows."""
    with application.client(CONTRACT) as client, application.agent("contract-reader", CONTRACT):
        _ask(client, "acme-legal-2", [{"role": "user", "content": script.CONTRACT_QUESTION}])


def _ask_forecast_service() -> NoReturn:
    time.sleep(0.02)
    raise TimeoutError(script.WEATHER_ERROR.partition(": ")[2])


def _ask(client: OpenAI, model: str, messages: list[Any]) -> ChatCompletionMessage:
    return client.chat.completions.create(model=model, messages=messages).choices[0].message


async def _ask_async(client: AsyncOpenAI, model: str, question: str) -> None:
    await client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": question}]
    )


def _append_tool_result(messages: list[Any], request: ChatCompletionMessage, result: str) -> None:
    call = (request.tool_calls or [])[0]
    messages.append(request.model_dump(exclude_none=True))
    messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
