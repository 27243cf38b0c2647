"""A model provider for offline use: the part of OpenAI's HTTP API that the examples call.

    with model_server.running() as server:
        client = openai.OpenAI(base_url=server.base_url, api_key="not-a-key")

It speaks by the server of ``otel-session-agg demo``, and is no better at answering than it has to
be.  It asks for each tool that it is offered once, and once more as long as the tool's answer
begins with ``error``, as models do; then it says how many words it has read.  Its usage is made
from the number of words, and what came before its last answer counts as cached, so that no two
answers of a conversation cost the same.  All of it is noted in ``served``: what a program says of
its sessions can be held against that.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from otel_session_agg._cli.demo import server as loopback  # inside it: not for programs of your own

_BASE = 20
_WORDS_PER_TOOL = 10

_started: list[ModelServer] = []
"""Servers end with their object, and a program may keep only the address."""

_ARGUMENTS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "integer": len,
    "number": len,
    "boolean": bool,
}
"""How a tool's arguments are made of the question's last word, by their type in JSON schema."""


class Usage(NamedTuple):
    """Tokens of one answer, or of several together."""

    prompt_tokens: int
    """Cached ones included."""
    cached_tokens: int
    completion_tokens: int

    @property
    def total_tokens(self) -> int:
        """Of prompt and completion."""
        return self.prompt_tokens + self.completion_tokens

    def __str__(self) -> str:
        return (
            f"{self.total_tokens} tokens "
            f"({self.prompt_tokens} + {self.completion_tokens}, {self.cached_tokens} cached)"
        )


class Served(NamedTuple):
    """One answer."""

    key: str
    """What the request gave as ``prompt_cache_key``: the same for all calls of a conversation."""
    model: str
    usage: Usage


class ModelServer:
    """A running server."""

    def __init__(self) -> None:
        self._server = loopback.ModelServer(answer, models={})
        self._running = ExitStack()
        self.base_url = f"{self._running.enter_context(self._server.running())}/v1"
        """For OpenAI's client."""

    @property
    def served(self) -> list[Served]:
        """What it has answered so far."""
        return [
            Served(
                one.session,
                one.model,
                Usage(one.prompt_tokens, one.cached_tokens, one.completion_tokens),
            )
            for one in self._server.served
        ]

    def usage(self, key: str | None = None) -> Usage:
        """The tokens of all answers, or of those in one conversation."""
        usages = [served.usage for served in self.served if key in (None, served.key)]
        return Usage(*map(sum, zip(*usages, strict=True))) if usages else Usage(0, 0, 0)

    def stop(self) -> None:
        """Answer no more."""
        self._running.close()

    def __str__(self) -> str:
        return f"the model server counted {len(self.served)} calls, {self.usage()}"


def answer(request: dict[str, Any]) -> loopback.Reply:
    """What follows the messages of a request, and what it is said to have used."""
    messages = request["messages"]
    offered = {tool["function"]["name"]: tool["function"] for tool in request.get("tools") or ()}
    number_of_question = max(
        number for number, message in enumerate(messages) if message["role"] == "user"
    )
    since = messages[number_of_question:]
    called = [
        call["function"]["name"] for message in since for call in message.get("tool_calls") or ()
    ]
    wanted = next((name for name in offered if name not in called), None)
    if called and _text(messages[-1]).startswith("error"):
        wanted = called[-1]
    text = f"I have read {_words(messages)} words."
    if wanted is not None:
        word = (_text(since[0]).split() or [""])[-1].strip("?!.,")
        properties = offered[wanted].get("parameters", {}).get("properties", {})
        arguments = {
            name: _ARGUMENTS.get(schema.get("type"), str)(word)
            for name, schema in properties.items()
        }
        text = json.dumps(arguments)
    usage = _usage(messages, len(offered))
    return loopback.Reply(
        text,
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.cached_tokens,
        tool=wanted,
        latency_ms=0,
    )


def _usage(messages: Sequence[dict[str, Any]], num_tools: int) -> Usage:
    tools = _WORDS_PER_TOOL * num_tools
    words = tools + _words(messages)
    answered = [number for number, message in enumerate(messages) if message["role"] == "assistant"]
    cached = _BASE + tools + _words(messages[: answered[-1]]) if answered else 0
    return Usage(_BASE + words, cached, _BASE // 4 + words // 2)


def _words(messages: Sequence[dict[str, Any]]) -> int:
    """How much was said, tool calls included."""
    return sum(
        len(_text(message).split()) + len(message.get("tool_calls") or ()) for message in messages
    )


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    return (
        content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)
    )


def start() -> ModelServer:
    """A server until it is stopped or the process ends; clients of this process need no proxy."""
    without_proxy = os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")).split(",")
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(
        dict.fromkeys(["127.0.0.1", *filter(None, without_proxy)])
    )
    server = ModelServer()
    _started.append(server)
    return server


@contextmanager
def running() -> Iterator[ModelServer]:
    """The same for a block."""
    server = start()
    try:
        yield server
    finally:
        server.stop()
