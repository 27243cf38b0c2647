"""A model provider on loopback: the part of OpenAI's HTTP API that the demo and the examples call.

What is answered is up to a function; each answer's usage is noted in ``ModelServer.served``, so
that the totals that arrive can be compared with it.  The demo's answers are scripted: they depend
on the last message only, so that calls made at the same time get the same answers in every run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from otel_session_agg._cli.demo.loopback import Handler, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

__all__ = ["SESSION_HEADER", "ModelServer", "Reply", "Served", "scripted"]

SESSION_HEADER = "X-Demo-Session"
"""Request header with the session of a call; a real provider would not know it."""

_DATED = MappingProxyType(
    {
        "gpt-4o": "gpt-4o-2024-08-06",
        "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
        "o4-mini": "o4-mini-2025-04-16",
    }
)
"""Names that OpenAI puts into answers, by requested ones."""

_CREATED_SECONDS = 1_760_000_000
_DIMENSIONS = 8
_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True)
class Reply:
    """An answer of the model and its usage; the tokens are inclusive, as OpenAI has them."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    tool: str | None = None
    """Name of the tool that the model wants called; ``text`` is its arguments then, as JSON."""
    latency_ms: int = 25


@dataclass(frozen=True)
class Served:
    """The usage of one answer, as it was sent."""

    session: str
    """What the request says in ``SESSION_HEADER``, else as ``prompt_cache_key``."""
    operation: str
    """``chat`` or ``embeddings``."""
    model: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int


class ModelServer:
    """The server; ``with server.running() as base_url`` serves for the ``openai`` client.

    Args:
        answer: The reply to a chat, as it was requested; a text to embed is asked as a chat, too.
        models: Names in answers by requested ones; others come back as they are.

    """

    def __init__(
        self, answer: Callable[[dict[str, Any]], Reply], models: Mapping[str, str] = _DATED
    ) -> None:
        """Start with nothing served."""
        self.answer = answer
        self.models = models
        self._served: list[Served] = []
        self._lock = threading.Lock()

    @property
    def served(self) -> list[Served]:
        """The usage of all answers so far."""
        with self._lock:
            return list(self._served)

    def running(self) -> AbstractContextManager[str]:
        """Serve until the block is left."""
        return serve(type("_Requests", (_Requests,), {"model_server": self}))

    def note(self, session: str, operation: str, model: str, reply: Reply) -> None:
        """Note the usage of an answer."""
        served = Served(
            session,
            operation,
            model,
            reply.prompt_tokens,
            reply.completion_tokens if operation == "chat" else 0,
            reply.cached_tokens,
            reply.reasoning_tokens,
        )
        with self._lock:
            self._served.append(served)


def scripted(script: Mapping[str, Reply]) -> Callable[[dict[str, Any]], Reply]:
    """Answer the text of the last message by ``script``, else with tokens made from its length."""

    def answer(request: dict[str, Any]) -> Reply:
        text = request["messages"][-1]["content"]
        count = max(1, len(text) // _CHARACTERS_PER_TOKEN)
        return script.get(text) or Reply(f"You said: {text}", 7 + count, 3 + count)

    return answer


class _Requests(Handler):
    model_server: ModelServer

    def do_POST(self) -> None:
        """Answer one call."""
        body = self.body()
        if body is None:
            return
        routes: dict[str, Callable[[dict[str, Any]], None]] = {
            "/v1/chat/completions": self._chat,
            "/v1/embeddings": self._embeddings,
        }
        route = routes.get(self.path)
        if route is None:
            self._refuse(HTTPStatus.NOT_FOUND, f"Unknown request URL: POST {self.path}.")
            return
        try:
            route(json.loads(body))
        except (ValueError, KeyError, IndexError, TypeError) as error:
            self._refuse(HTTPStatus.BAD_REQUEST, f"Not a request of this API: {error!r}")

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
        self._json({"error": error}, status)

    def _json(self, value: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        self.answer(status, "application/json", json.dumps(value).encode())

    def _session(self, request: dict[str, Any]) -> str:
        return self.headers.get(SESSION_HEADER) or str(request.get("prompt_cache_key") or "")

    def _chat(self, request: dict[str, Any]) -> None:
        reply = self.model_server.answer(request)
        model = self.model_server.models.get(request["model"], request["model"])
        ids = {
            "id": f"chatcmpl-{uuid4().hex}",
            "created": _CREATED_SECONDS,
            "model": model,
            "system_fingerprint": "fp_demo",
        }
        self.model_server.note(self._session(request), "chat", model, reply)
        if request.get("stream"):
            self._stream(
                reply, ids, usage=bool((request.get("stream_options") or {}).get("include_usage"))
            )
            return
        time.sleep(reply.latency_ms / 1000)
        choice = {
            "index": 0,
            "message": _message(reply),
            "logprobs": None,
            "finish_reason": _finish_reason(reply),
        }
        self._json(
            {**ids, "object": "chat.completion", "choices": [choice], "usage": _usage(reply)}
        )

    def _stream(self, reply: Reply, ids: dict[str, Any], *, usage: bool) -> None:
        """Send server-sent events in a chunked body, as OpenAI does; with ``usage`` in the last."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        deltas = list(_deltas(reply))
        for delta in deltas:
            time.sleep(reply.latency_ms / 1000 / len(deltas))
            choice = {
                "index": 0,
                "delta": delta,
                "finish_reason": None if delta else _finish_reason(reply),
            }
            chunk = {**ids, "object": "chat.completion.chunk", "choices": [choice]}
            self._event(json.dumps({**chunk, "usage": None} if usage else chunk))
        if usage:
            self._event(
                json.dumps(
                    {
                        **ids,
                        "object": "chat.completion.chunk",
                        "choices": [],
                        "usage": _usage(reply),
                    }
                )
            )
        self._event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _event(self, data: str) -> None:
        line = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))

    def _embeddings(self, request: dict[str, Any]) -> None:
        texts = [request["input"]] if isinstance(request["input"], str) else list(request["input"])
        asked = [{**request, "messages": [{"role": "user", "content": text}]} for text in texts]
        replies = [self.model_server.answer(chat) for chat in asked]
        tokens = sum(reply.prompt_tokens for reply in replies)
        total = Reply("", tokens, 0, latency_ms=max(reply.latency_ms for reply in replies))
        self.model_server.note(self._session(request), "embeddings", request["model"], total)
        time.sleep(total.latency_ms / 1000)
        # the openai client requests it by default
        packed = request.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": index, "embedding": _vector(text, packed=packed)}
            for index, text in enumerate(texts)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        self._json({"object": "list", "data": data, "model": request["model"], "usage": usage})


def _message(reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if reply.tool else reply.text,
        "refusal": None,
    }
    if reply.tool:
        message["tool_calls"] = [_tool_call(reply)]
    return message


def _tool_call(reply: Reply) -> dict[str, Any]:
    return {
        "id": f"call_{uuid4().hex}",
        "type": "function",
        "function": {"name": reply.tool, "arguments": reply.text},
    }


def _finish_reason(reply: Reply) -> str:
    return "tool_calls" if reply.tool else "stop"


def _deltas(reply: Reply) -> Iterator[dict[str, Any]]:
    """Yield the pieces of an answer: the role, the words or the tool call, and an empty end."""
    yield {"role": "assistant", "content": None if reply.tool else "", "refusal": None}
    if reply.tool:
        call = _tool_call(reply)
        yield {
            "tool_calls": [{"index": 0, **call, "function": {"name": reply.tool, "arguments": ""}}]
        }
        yield {"tool_calls": [{"index": 0, "function": {"arguments": reply.text}}]}
    else:
        for number, word in enumerate(reply.text.split(" ")):
            yield {"content": f" {word}" if number else word}
    yield {}


def _usage(reply: Reply) -> dict[str, Any]:
    return {
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "total_tokens": reply.prompt_tokens + reply.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": reply.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reply.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _vector(text: str, *, packed: bool) -> str | list[float]:
    numbers = [byte / 255 for byte in hashlib.sha256(text.encode()).digest()[:_DIMENSIONS]]
    return (
        base64.b64encode(struct.pack(f"<{_DIMENSIONS}f", *numbers)).decode() if packed else numbers
    )
