"""Cohere's chat and embeddings, version 2."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ._http import Exchange
from ._ledger import Abilities, Served
from ._words import Call, Json, Request, Tool, answer


def chat(exchange: Exchange) -> None:
    """Answer a chat."""
    body = exchange.asked
    stream = bool(body.get("stream"))
    call = exchange.ledger.chat("cohere", body["model"], stream=stream, abilities=Abilities(cache_read=False, reasoning=False))
    if call.failed:
        exchange.send_failure(call)
        return
    said = answer(_request(body))
    if stream:
        exchange.send_events(_events(call, said), named=True)
        return
    reason = "COMPLETE" if isinstance(said, str) else "TOOL_CALL"
    exchange.send_json({"id": call.token, "finish_reason": reason, "message": _message(call, said), "usage": _usage(call)})


def embed(exchange: Exchange) -> None:
    """Answer with a short vector for each text."""
    call = exchange.ledger.embedding("cohere", exchange.asked["model"])
    if call.failed:
        exchange.send_failure(call)
        return
    texts = exchange.asked.get("texts") or []
    told = {"id": call.token, "embeddings": {"float": [[0.1, 0.2, 0.3] for _ in texts]}, "texts": texts}
    exchange.send_json({**told, "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": call.prompt}}})


def _request(body: Json) -> Request:
    given = body.get("messages") or []
    functions = [tool["function"] for tool in body.get("tools") or []]
    return Request(
        given,
        [Tool(function["name"], function.get("parameters") or {}) for function in functions],
        [made["function"]["name"] for message in given for made in message.get("tool_calls") or []],
        required=body.get("tool_choice") == "REQUIRED",
    )


def _usage(call: Served) -> Json:
    counts = {"input_tokens": call.prompt, "output_tokens": call.completion}
    return {"billed_units": counts, "tokens": counts}


def _message(call: Served, said: str | Call) -> Json:
    if isinstance(said, str):
        return {"role": "assistant", "content": [{"type": "text", "text": said}]}
    function = {"name": said.name, "arguments": json.dumps(said.arguments)}
    made = {"id": f"{said.name}_{call.token}", "type": "function", "function": function}
    return {"role": "assistant", "tool_plan": "I look.", "tool_calls": [made]}


def _events(call: Served, said: str | Call) -> Iterator[Json]:
    yield {"type": "message-start", "id": call.token, "delta": {"message": {"role": "assistant", "content": []}}}
    if isinstance(said, str):
        yield {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}}
        yield {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": said}}}}
        yield {"type": "content-end", "index": 0}
    else:
        made = _message(call, said)["tool_calls"][0]
        yield {"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": made}}}
        yield {"type": "tool-call-end", "index": 0}
    reason = "COMPLETE" if isinstance(said, str) else "TOOL_CALL"
    yield {"type": "message-end", "id": call.token, "delta": {"finish_reason": reason, "usage": _usage(call)}}
