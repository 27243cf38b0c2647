"""OpenAI's chat completions and embeddings, as many providers speak them; deployments under Azure's paths, too."""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Iterator

from ._http import Exchange
from ._ledger import Abilities, Served
from ._words import Call, Json, Request, Tool, answer

_DATED = {
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "o4-mini": "o4-mini-2025-04-16",
}
"""Models that answer under a longer name."""

_REASONS = Abilities()
_NO_REASONING = Abilities(reasoning=False)
_ABILITIES = {"mistral": _NO_REASONING}


def identity(exchange: Exchange) -> tuple[str, str]:
    """Provider and model of a request: Azure names the deployment in the path."""
    deployment = re.match(r"openai/deployments/([^/]+)/", exchange.path_parts)
    model = str(exchange.asked.get("model") or "gpt-4o-mini")
    if exchange.provider:
        return exchange.provider, dated(model)
    if deployment:
        return "azure", dated(deployment[1])
    return "azure" if exchange.path_parts.startswith("openai/") else "openai", dated(model)


def dated(model: str) -> str:
    """The name under which a model answers."""
    return _DATED.get(model, model)


def chat(exchange: Exchange) -> None:
    """Answer a chat."""
    body = exchange.asked
    provider, model = identity(exchange)
    stream = bool(body.get("stream"))
    call = exchange.ledger.chat(provider, model, stream=stream, abilities=_ABILITIES.get(provider, _REASONS))
    if call.failed:
        exchange.send_failure(call)
        return
    said = answer(_request(body))
    if not stream:
        exchange.send_json(_completion(call, said))
        return
    # Mistral sends usage unasked, Groq in a field of its own
    call.usage_sent = provider in ("mistral", "groq") or bool((body.get("stream_options") or {}).get("include_usage"))
    exchange.send_events(_chunks(call, said), done=True)


def _request(body: Json) -> Request:
    messages = body.get("messages") or []
    functions = [tool["function"] for tool in body.get("tools") or [] if tool.get("function")]
    functions += body.get("functions") or []
    choice = body.get("tool_choice") or body.get("function_call")
    form = body.get("response_format") or {}
    return Request(
        messages,
        [Tool(function["name"], function.get("parameters") or {}) for function in functions],
        [made["function"]["name"] for message in messages for made in message.get("tool_calls") or []],
        forced=(choice.get("function") or choice).get("name", "") if isinstance(choice, dict) else "",
        required=choice in ("required", "any"),
        schema=form["json_schema"].get("schema") if form.get("type") == "json_schema" else None,
    )


def _usage(call: Served) -> Json:
    return {
        "prompt_tokens": call.prompt,
        "completion_tokens": call.completion,
        "total_tokens": call.prompt + call.completion,
        "prompt_tokens_details": {"cached_tokens": call.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": call.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _message(call: Served, said: str | Call) -> tuple[Json, str]:
    """The message and why it ended."""
    if isinstance(said, str):
        return {"role": "assistant", "content": said}, "stop"
    function = {"name": said.name, "arguments": json.dumps(said.arguments)}
    # Mistral's library wants nine letters and digits
    made = {"id": f"call{call.token[:5]}", "type": "function", "function": function}
    return {"role": "assistant", "content": None if call.provider != "mistral" else "", "tool_calls": [made]}, "tool_calls"


def _frame(call: Served) -> Json:
    return {"id": f"chatcmpl-{call.token}", "created": int(call.at), "model": call.model, "system_fingerprint": "fp_1"}


def _completion(call: Served, said: str | Call) -> Json:
    message, reason = _message(call, said)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    return {**_frame(call), "object": "chat.completion", "choices": [choice], "usage": _usage(call)}


def _chunks(call: Served, said: str | Call) -> Iterator[Json]:
    message, reason = _message(call, said)
    for delta in _deltas(message):
        yield _chunk(call, [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}])
    last = _chunk(call, [{"index": 0, "delta": {"content": ""}, "logprobs": None, "finish_reason": reason}])
    if call.provider == "mistral":
        last["usage"] = _usage(call)
    elif call.provider == "groq":
        last["x_groq"] = {"id": f"req_{call.token}", "usage": _usage(call)}
    yield last
    if call.usage_sent and call.provider not in ("mistral", "groq"):
        yield {**_chunk(call, []), "usage": _usage(call)}


def _chunk(call: Served, choices: list[Json]) -> Json:
    return {**_frame(call), "object": "chat.completion.chunk", "choices": choices}


def _deltas(message: Json) -> Iterator[Json]:
    if "tool_calls" in message:
        yield {**message, "tool_calls": [{"index": 0, **made} for made in message["tool_calls"]]}
        return
    yield {"role": "assistant", "content": ""}
    for word in re.findall(r"\S+\s*", message["content"]):
        yield {"content": word}


def embeddings(exchange: Exchange) -> None:
    """Answer with a short vector for each text."""
    body = exchange.asked
    provider, model = identity(exchange)
    call = exchange.ledger.embedding(provider, model)
    if call.failed:
        exchange.send_failure(call)
        return
    texts = body.get("input")
    several = isinstance(texts, list) and texts and not isinstance(texts[0], int)
    vector: Json = [0.1, 0.2, 0.3]
    if body.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack("<3f", *vector)).decode()
    rows = [{"object": "embedding", "index": index, "embedding": vector} for index in range(len(texts) if several else 1)]
    usage = {"prompt_tokens": call.prompt, "total_tokens": call.prompt}
    if provider == "mistral":
        usage["completion_tokens"] = 0
    exchange.send_json({"object": "list", "id": f"emb-{call.token}", "model": model, "data": rows, "usage": usage})
