"""A model provider for offline use: the part of OpenAI's HTTP API that the examples call, on loopback.

    with model_server.running() as server:
        client = openai.OpenAI(base_url=server.base_url, api_key="not-a-key")

It is no better at answering than it has to be.  It asks for each tool that it is offered once, and once more as long as the
tool's answer begins with ``error``, as models do; then it says how many words it has read.  Its usage is made from the number
of words, and what came before its last answer counts as cached, so that no two answers of a conversation cost the same.
All of it is noted in ``served``: what a program says of its sessions can be held against that.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from uuid import uuid4

_BASE = 20
_WORDS_PER_TOOL = 10

_ARGUMENTS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "integer": len,
    "number": len,
    "boolean": bool,
}
"""How the arguments of a tool are made from the last word of the question, by their type in JSON schema."""


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
        return f"{self.total_tokens} tokens ({self.prompt_tokens} + {self.completion_tokens}, {self.cached_tokens} cached)"


class Served(NamedTuple):
    """One answer."""

    key: str
    """What the request gave as ``prompt_cache_key``, which is the same for all calls of a conversation."""
    model: str
    usage: Usage


class ModelServer:
    """A running server and what it has answered so far."""

    def __init__(self, http_server: ThreadingHTTPServer) -> None:
        self._http_server = http_server
        self.base_url = f"http://127.0.0.1:{http_server.server_port}/v1"
        """For OpenAI's client."""
        self.served: list[Served] = []

    def usage(self, key: str | None = None) -> Usage:
        """The tokens of all answers, or of those in one conversation."""
        usages = [served.usage for served in self.served if key in (None, served.key)]
        return Usage(*map(sum, zip(*usages, strict=True))) if usages else Usage(0, 0, 0)

    def stop(self) -> None:
        """Answer no more."""
        self._http_server.shutdown()
        self._http_server.server_close()

    def __str__(self) -> str:
        return f"the model server counted {len(self.served)} calls, {self.usage()}"


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The message that follows those of a request."""
    messages = request["messages"]
    number_of_question = max(
        number for number, message in enumerate(messages) if message["role"] == "user"
    )
    since = messages[number_of_question:]
    called = [
        call["function"]["name"] for message in since for call in message.get("tool_calls") or ()
    ]
    offered = {tool["function"]["name"]: tool["function"] for tool in request.get("tools") or ()}
    wanted = next((name for name in offered if name not in called), None)
    if called and _text(messages[-1]).startswith("error"):
        wanted = called[-1]
    if wanted is None:
        return {"role": "assistant", "content": f"I have read {_words(messages)} words."}
    word = (_text(since[0]).split() or [""])[-1].strip("?!.,")
    properties = offered[wanted].get("parameters", {}).get("properties", {})
    arguments = {
        name: _ARGUMENTS.get(schema.get("type"), str)(word) for name, schema in properties.items()
    }
    call = {
        "id": f"call_{uuid4().hex}",
        "type": "function",
        "function": {"name": wanted, "arguments": json.dumps(arguments)},
    }
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def usage_of(request: dict[str, Any]) -> Usage:
    """What the answer to a request is said to have used."""
    messages = request["messages"]
    tools = _WORDS_PER_TOOL * len(request.get("tools") or ())
    words = tools + _words(messages)
    answered = [number for number, message in enumerate(messages) if message["role"] == "assistant"]
    cached = _BASE + tools + _words(messages[: answered[-1]]) if answered else 0
    return Usage(_BASE + words, cached, _BASE // 4 + words // 2)


def _words(messages: Sequence[dict[str, Any]]) -> int:
    """How much was said, tool calls included."""
    return sum(
        len(_text(message).split()) + len(message.get("tool_calls") or ()) for message in messages
    )


def _shown(usage: Usage) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
    return (
        {**shown, "prompt_tokens_details": {"cached_tokens": usage.cached_tokens}}
        if usage.cached_tokens
        else shown
    )


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    return (
        content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes
    model_server: ModelServer

    def do_POST(self) -> None:
        """Answer a chat."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        message = answer(request)
        usage = usage_of(request)
        self.model_server.served.append(
            Served(request.get("prompt_cache_key", ""), request["model"], usage)
        )
        reason = "tool_calls" if "tool_calls" in message else "stop"
        self._send(
            {
                "id": f"chatcmpl-{uuid4().hex}",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": request["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": reason}],
                "usage": _shown(usage),
            }
        )

    def _send(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def start() -> ModelServer:
    """A server that runs until it is stopped or the process ends; clients in this process reach it without a proxy."""
    without_proxy = os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")).split(",")
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(
        dict.fromkeys(["127.0.0.1", *filter(None, without_proxy)])
    )
    http_server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    http_server.daemon_threads = True
    model_server = ModelServer(http_server)
    http_server.RequestHandlerClass = type("_Handler", (_Handler,), {"model_server": model_server})
    threading.Thread(
        target=http_server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    ).start()
    return model_server


@contextmanager
def running() -> Iterator[ModelServer]:
    """The same for a block."""
    server = start()
    try:
        yield server
    finally:
        server.stop()
