"""Anthropic's messages; Amazon's InvokeModel wraps the same."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ._http import Exchange
from ._ledger import Abilities, Served
from ._words import Json, Request, Tool, answer

ABILITIES = Abilities(cache_write=True)


def count_tokens(exchange: Exchange) -> None:
    """Answer a question about a prompt, which costs nothing."""
    exchange.send_json({"input_tokens": 5})


def messages(exchange: Exchange) -> None:
    """Answer a message."""
    body = exchange.asked
    stream = bool(body.get("stream"))
    call = exchange.ledger.chat("anthropic", body["model"], stream=stream, abilities=ABILITIES)
    if call.failed:
        exchange.send_failure(call)
        return
    whole = message(call, body, call.model)
    if stream:
        exchange.send_events(events(whole), named=True)
    else:
        exchange.send_json(whole, {"request-id": f"req_{call.token}"})


def message(call: Served, body: Json, model: str) -> Json:
    """The answer to a request; Amazon has longer names for the models."""
    said = answer(_request(body))
    content: list[Json] = []
    if call.reasoning:
        content.append({"type": "thinking", "thinking": "I see.", "signature": "c2ln"})
    if isinstance(said, str):
        content.append({"type": "text", "text": said})
    else:
        content.append({"type": "tool_use", "id": f"toolu_{call.token}", "name": said.name, "input": said.arguments})
    return {
        "id": f"msg_{call.token}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": "end_turn" if isinstance(said, str) else "tool_use",
        "stop_sequence": None,
        "usage": _usage(call),
    }


def _request(body: Json) -> Request:
    given = body.get("messages") or []
    blocks = [block for one in given if isinstance(one["content"], list) for block in one["content"]]
    choice = body.get("tool_choice") or {}
    form = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    return Request(
        [body.get("system"), given],
        [Tool(tool["name"], tool["input_schema"]) for tool in body.get("tools") or [] if tool.get("input_schema")],
        [block["name"] for block in blocks if block.get("type") == "tool_use"],
        forced=choice.get("name", ""),
        required=choice.get("type") == "any",
        schema=form.get("schema"),
    )


def _usage(call: Served) -> Json:
    usage: Json = {
        "input_tokens": call.uncached,
        "cache_creation_input_tokens": call.cache_write,
        "cache_read_input_tokens": call.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": call.cache_write - call.cache_write_1h,
            "ephemeral_1h_input_tokens": call.cache_write_1h,
        },
        "output_tokens": call.completion,
        "service_tier": "standard",
    }
    if call.reasoning:
        usage["output_tokens_details"] = {"thinking_tokens": call.reasoning}
    return usage


def events(whole: Json) -> Iterator[Json]:
    """The same answer as a stream; only its last event but one has the whole output's figures."""
    early = {key: value for key, value in whole["usage"].items() if key != "output_tokens_details"}
    begun = {**whole, "content": [], "stop_reason": None, "usage": {**early, "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(whole["content"]):
        empty, deltas = _parts(block)
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    late = {key: value for key, value in whole["usage"].items() if key not in ("cache_creation", "service_tier")}
    yield {"type": "message_delta", "delta": {"stop_reason": whole["stop_reason"], "stop_sequence": None}, "usage": late}
    yield {"type": "message_stop"}


def _parts(block: Json) -> tuple[Json, list[Json]]:
    """A block as it begins, and what then comes."""
    if block["type"] == "text":
        return {**block, "text": ""}, [{"type": "text_delta", "text": block["text"]}]
    if block["type"] == "thinking":
        told = {"type": "thinking_delta", "thinking": block["thinking"]}
        return {**block, "thinking": "", "signature": ""}, [told, {"type": "signature_delta", "signature": block["signature"]}]
    return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
