"""Google GenAI: the Gemini API and Vertex AI."""

from __future__ import annotations

import re

from ._http import Exchange
from ._ledger import Abilities, Served
from ._words import Call, Json, Request, Tool, answer


def generate(exchange: Exchange) -> None:
    """Answer a generation, as a stream if the path says so."""
    stream = ":stream" in exchange.path_parts
    call = exchange.ledger.chat("google", _model(exchange), stream=stream, abilities=Abilities())
    if call.failed:
        exchange.send_failure(call)
        return
    whole = _answer(call, answer(_request(exchange.asked)))
    if not stream:
        exchange.send_json(whole)
    elif "alt=sse" in exchange.query:
        exchange.send_events(_parts(call, whole))
    else:
        exchange.send_json(_parts(call, whole))


def embed(exchange: Exchange) -> None:
    """Answer with a short vector for each text; the tokens are shared among them."""
    call = exchange.ledger.embedding("google", _model(exchange))
    if call.failed:
        exchange.send_failure(call)
        return
    number = len(exchange.asked.get("requests") or exchange.asked.get("instances") or [None])
    counts = [call.prompt - (number - 1), *[1] * (number - 1)]
    rows = [{"values": [0.1, 0.2, 0.3], "statistics": {"tokenCount": count, "truncated": False}} for count in counts]
    if exchange.path_parts.endswith(":predict"):
        exchange.send_json({"predictions": [{"embeddings": row} for row in rows]})
        return
    usage = {"promptTokenCount": call.prompt, "totalTokenCount": call.prompt}
    exchange.send_json({"embedding": rows[0], "embeddings": rows, "usageMetadata": usage})


def _model(exchange: Exchange) -> str:
    found = re.search(r"models/([^/:]+):", exchange.path_parts)
    return found[1] if found else ""


def _request(body: Json) -> Request:
    given = body.get("contents") or []
    parts = [part for content in given for part in content.get("parts") or []]
    functions = [function for tool in body.get("tools") or [] for function in tool.get("functionDeclarations") or []]
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    allowed = calling.get("allowedFunctionNames") or [""]
    form = body.get("generationConfig") or {}
    return Request(
        [body.get("systemInstruction"), given],
        [Tool(function["name"], _schema(function)) for function in functions],
        [part["functionCall"]["name"] for part in parts if "functionCall" in part],
        forced=allowed[0] if calling.get("mode") == "ANY" else "",
        required=calling.get("mode") == "ANY",
        schema=form.get("responseSchema") or form.get("responseJsonSchema"),
    )


def _schema(function: Json) -> Json:
    """Of a function's arguments, which the library sends under several names."""
    names = ("parameters", "parametersJsonSchema", "parameters_json_schema")
    return next((function[name] for name in names if function.get(name)), {"type": "object"})


def _usage(call: Served) -> Json:
    """Thoughts are told beside the candidates, not in them."""
    usage = {
        "promptTokenCount": call.prompt,
        "candidatesTokenCount": call.answer,
        "totalTokenCount": call.prompt + call.completion,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": call.prompt}],
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": call.answer}],
    }
    if call.cache_read:
        usage["cachedContentTokenCount"] = call.cache_read
        usage["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": call.cache_read}]
    if call.reasoning:
        usage["thoughtsTokenCount"] = call.reasoning
    return usage


def _answer(call: Served, said: str | Call) -> Json:
    part: Json = {"text": said} if isinstance(said, str) else {"functionCall": {"name": said.name, "args": said.arguments}}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "usageMetadata": _usage(call), "modelVersion": call.model, "responseId": call.token}


def _parts(call: Served, whole: Json) -> list[Json]:
    """A stream: each part has the prompt's figures, the last one those of the answer."""
    candidate = whole["candidates"][0]
    part = candidate["content"]["parts"][0]
    if "functionCall" in part:
        return [whole]
    begun = {"content": {"role": "model", "parts": [{"text": "Well: "}]}, "index": 0}
    usage = {"promptTokenCount": call.prompt, "candidatesTokenCount": 2, "totalTokenCount": call.prompt + 2}
    return [{**whole, "candidates": [begun], "usageMetadata": usage}, whole]
