"""Ollama: chat, generate, embed. It streams unless it is told not to."""

from __future__ import annotations

import json

from ._http import Exchange
from ._ledger import Abilities
from ._words import Call, Json, Request, Tool, answer

_CREATED = "2026-01-01T00:00:00Z"
_TIMES = {"total_duration": 5, "load_duration": 1, "prompt_eval_duration": 1, "eval_duration": 1}


def chat(exchange: Exchange) -> None:
    """Answer a chat or a prompt."""
    body = exchange.asked
    stream = bool(body.get("stream", True))
    call = exchange.ledger.chat("ollama", body["model"], stream=stream, abilities=Abilities(cache_read=False, reasoning=False))
    if call.failed:
        exchange.send_failure(call)
        return
    content = _content(answer(_request(body)), bare=exchange.path_parts.endswith("generate"))
    counts = {"prompt_eval_count": call.prompt, "eval_count": call.completion}
    frame = {"model": call.model, "created_at": _CREATED}
    last = {**frame, **content, "done": True, "done_reason": "stop", **_TIMES, **counts}
    if stream:
        lines = [{**frame, **content, "done": False}, {**last, **_content("", bare="response" in content)}]
        exchange.answer(200, "application/x-ndjson", "".join(json.dumps(line) + "\n" for line in lines).encode())
    else:
        exchange.send_json(last)


def embed(exchange: Exchange) -> None:
    """Answer with a short vector for each text."""
    call = exchange.ledger.embedding("ollama", exchange.asked["model"])
    if call.failed:
        exchange.send_failure(call)
        return
    texts = exchange.asked.get("input")
    vectors = [[0.1, 0.2, 0.3] for _ in (texts if isinstance(texts, list) else [texts])]
    exchange.send_json({"model": call.model, "embeddings": vectors, "prompt_eval_count": call.prompt, **_TIMES})


def _request(body: Json) -> Request:
    given = body.get("messages") or [{"role": "user", "content": body.get("prompt", "")}]
    functions = [tool["function"] for tool in body.get("tools") or []]
    return Request(
        given,
        [Tool(function["name"], function.get("parameters") or {}) for function in functions],
        [made["function"]["name"] for message in given for made in message.get("tool_calls") or []],
        schema=body["format"] if isinstance(body.get("format"), dict) else None,
    )


def _content(said: str | Call, *, bare: bool) -> Json:
    if isinstance(said, str):
        return {"response": said} if bare else {"message": {"role": "assistant", "content": said}}
    made = {"function": {"name": said.name, "arguments": said.arguments}}
    return {"message": {"role": "assistant", "content": "", "tool_calls": [made]}}
