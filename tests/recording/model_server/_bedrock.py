"""Amazon Bedrock: Converse, and InvokeModel for Claude, Nova and Titan embeddings."""

from __future__ import annotations

import base64
import binascii
import json
import re
import struct
from collections.abc import Iterable

from . import _anthropic
from ._http import Exchange
from ._ledger import Abilities, Served
from ._words import Call, Json, Request, Tool, answer

_EVENTS = "application/vnd.amazon.eventstream"
_STRING = b"\x07"
"""The type of a header in an event stream."""


def converse(exchange: Exchange) -> None:
    """Answer a conversation, the same for all models."""
    stream = exchange.path_parts.endswith("-stream")
    call = exchange.ledger.chat("aws", _model(exchange), stream=stream, abilities=Abilities(cache_write=True))
    if call.failed:
        exchange.send_failure(call)
        return
    said = answer(_request(exchange.asked))
    if stream:
        exchange.send_stream(_EVENTS, list(_converse_events(call, said)), _ids(call))
        return
    content: list[Json] = []
    if call.reasoning:
        content.append({"reasoningContent": {"reasoningText": {"text": "I see.", "signature": "c2ln"}}})
    content.append({"text": said} if isinstance(said, str) else {"toolUse": _tool_use(call, said)})
    told = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": _reason(said)}
    exchange.send_json({**told, "usage": _usage(call), "metrics": {"latencyMs": 5}}, _ids(call))


def invoke(exchange: Exchange) -> None:
    """Answer in the model's own form."""
    model = _model(exchange)
    if "embed" in model:
        _embed(exchange, model)
        return
    stream = exchange.path_parts.endswith("-stream")
    call = exchange.ledger.chat("aws", model, stream=stream, abilities=Abilities(cache_write=True, reasoning="claude" in model))
    if call.failed:
        exchange.send_failure(call)
    elif "claude" in model:
        _claude(exchange, call)
    else:
        _nova(exchange, call)


def _model(exchange: Exchange) -> str:
    found = re.match(r"model/(.+)/[a-z-]+$", exchange.path_parts)
    return found[1] if found else ""


def _ids(call: Served) -> dict[str, str]:
    return {"x-amzn-requestid": call.token}


def _request(body: Json) -> Request:
    config = body.get("toolConfig") or {}
    specs = [tool["toolSpec"] for tool in config.get("tools") or [] if "toolSpec" in tool]
    choice = config.get("toolChoice") or {}
    blocks = [block for one in body["messages"] for block in one["content"]]
    return Request(
        [body.get("system"), body["messages"]],
        [Tool(spec["name"], spec["inputSchema"]["json"]) for spec in specs],
        [block["toolUse"]["name"] for block in blocks if "toolUse" in block],
        forced=(choice.get("tool") or {}).get("name", ""),
        required="any" in choice,
    )


def _usage(call: Served) -> Json:
    """The input is what neither came from a cache nor went to one."""
    usage: Json = {
        "inputTokens": call.uncached,
        "outputTokens": call.completion,
        "totalTokens": call.prompt + call.completion,
        "cacheReadInputTokens": call.cache_read,
        "cacheWriteInputTokens": call.cache_write,
    }
    if call.cache_write_1h:
        shorter = {"inputTokens": call.cache_write - call.cache_write_1h, "ttl": "5m"}
        usage["cacheDetails"] = [shorter, {"inputTokens": call.cache_write_1h, "ttl": "1h"}]
    return usage


def _reason(said: str | Call) -> str:
    return "end_turn" if isinstance(said, str) else "tool_use"


def _tool_use(call: Served, said: Call) -> Json:
    return {"toolUseId": f"tooluse_{call.token}", "name": said.name, "input": said.arguments}


def _converse_events(call: Served, said: str | Call) -> Iterable[bytes]:
    yield _event("messageStart", {"role": "assistant"})
    where = {"contentBlockIndex": 0}
    if isinstance(said, str):
        yield _event("contentBlockDelta", {**where, "delta": {"text": said}})
    else:
        use = _tool_use(call, said)
        arguments = json.dumps(use.pop("input"))
        yield _event("contentBlockStart", {**where, "start": {"toolUse": use}})
        yield _event("contentBlockDelta", {**where, "delta": {"toolUse": {"input": arguments}}})
    yield _event("contentBlockStop", where)
    yield _event("messageStop", {"stopReason": _reason(said)})
    yield _event("metadata", {"usage": _usage(call), "metrics": {"latencyMs": 5}})


def _claude(exchange: Exchange, call: Served) -> None:
    """Anthropic's message in Amazon's envelope."""
    whole = _anthropic.message(call, exchange.asked, re.sub(r"^.*anthropic\.|-v\d+:\d+$", "", call.model))
    counts = {"input": call.uncached, "output": call.completion, "cache-read-input": call.cache_read}
    counts["cache-write-input"] = call.cache_write
    if not call.stream:
        headers = {f"x-amzn-bedrock-{name}-token-count": str(count) for name, count in counts.items()}
        exchange.send_json(whole, {**_ids(call), **headers})
        return
    events = list(_anthropic.events(whole))
    events[-1]["amazon-bedrock-invocationMetrics"] = {
        "inputTokenCount": call.uncached,
        "outputTokenCount": call.completion,
        "invocationLatency": 5,
        "firstByteLatency": 2,
        "cacheReadInputTokenCount": call.cache_read,
        "cacheWriteInputTokenCount": call.cache_write,
    }
    packed = (_event("chunk", {"bytes": base64.b64encode(json.dumps(event).encode()).decode()}) for event in events)
    exchange.send_stream(_EVENTS, list(packed), _ids(call))


def _nova(exchange: Exchange, call: Served) -> None:
    usage = {
        "inputTokens": call.uncached,
        "outputTokens": call.completion,
        "totalTokens": call.prompt + call.completion,
        "cacheReadInputTokenCount": call.cache_read,
        "cacheWriteInputTokenCount": call.cache_write,
    }
    text = {"text": str(answer(Request(exchange.asked.get("messages"))))}
    if call.stream:
        told = [{"messageStart": {"role": "assistant"}}, {"contentBlockDelta": {"delta": text, "contentBlockIndex": 0}}]
        ends = [{"messageStop": {"stopReason": "end_turn"}}, {"metadata": {"usage": usage}}]
        packed = (_event("chunk", {"bytes": base64.b64encode(json.dumps(event).encode()).decode()}) for event in told + ends)
        exchange.send_stream(_EVENTS, list(packed), _ids(call))
        return
    message = {"role": "assistant", "content": [text]}
    exchange.send_json({"output": {"message": message}, "stopReason": "end_turn", "usage": usage}, _ids(call))


def _embed(exchange: Exchange, model: str) -> None:
    call = exchange.ledger.embedding("aws", model)
    if call.failed:
        exchange.send_failure(call)
        return
    headers = {**_ids(call), "x-amzn-bedrock-input-token-count": str(call.prompt)}
    exchange.send_json({"embedding": [0.1, 0.2, 0.3], "inputTextTokenCount": call.prompt}, headers)


def _event(kind: str, value: Json) -> bytes:
    """One event of Amazon's binary stream: lengths, checksum, headers, content, checksum."""
    stated = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        struct.pack("!B", len(name)) + name.encode() + _STRING + struct.pack("!H", len(text)) + text.encode()
        for name, text in stated.items()
    )
    content = json.dumps(value).encode()
    start = struct.pack("!II", 16 + len(headers) + len(content), len(headers))
    whole = start + struct.pack("!I", binascii.crc32(start)) + headers + content
    return whole + struct.pack("!I", binascii.crc32(whole))
