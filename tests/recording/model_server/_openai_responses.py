"""OpenAI's responses."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ._http import Exchange
from ._ledger import Abilities, Served
from ._openai_chat import identity
from ._words import Call, Json, Request, Tool, answer


def responses(exchange: Exchange) -> None:
    """Answer one."""
    body = exchange.asked
    provider, model = identity(exchange)
    stream = bool(body.get("stream"))
    call = exchange.ledger.chat(provider, model, stream=stream, abilities=Abilities())
    if call.failed:
        exchange.send_failure(call)
        return
    whole = _response(call, body, _items(call, answer(_request(body))))
    if stream:
        exchange.send_events(_numbered(_events(whole)), named=True)
    else:
        exchange.send_json(whole)


def _request(body: Json) -> Request:
    given = body.get("input") or ""
    items = [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []
    tools = [
        Tool(tool["name"], tool.get("parameters") or {}) for tool in body.get("tools") or [] if tool.get("type") == "function"
    ]
    choice = body.get("tool_choice")
    form = (body.get("text") or {}).get("format") or {}
    return Request(
        [body.get("instructions"), given],
        tools,
        [item["name"] for item in items if item.get("type") == "function_call"] + _continued(body, items, tools),
        forced=choice.get("name", "") if isinstance(choice, dict) else "",
        required=choice == "required",
        schema=form.get("schema") if form.get("type") == "json_schema" else None,
    )


def _continued(body: Json, items: list[Json], tools: list[Tool]) -> list[str]:
    """Tools whose results came without the calls, which the provider is to remember."""
    answered = body.get("previous_response_id") and any(item.get("type") == "function_call_output" for item in items)
    return [tool.name for tool in tools] if answered else []


def _items(call: Served, said: str | Call) -> list[Json]:
    items: list[Json] = []
    if call.reasoning:
        items.append({"type": "reasoning", "id": f"rs_{call.token}", "summary": []})
    if isinstance(said, str):
        part = {"type": "output_text", "text": said, "annotations": [], "logprobs": []}
        items.append(
            {"type": "message", "id": f"msg_{call.token}", "role": "assistant", "status": "completed", "content": [part]}
        )
    else:
        made = {"call_id": f"call_{call.token}", "name": said.name, "arguments": json.dumps(said.arguments)}
        items.append({"type": "function_call", "id": f"fc_{call.token}", "status": "completed", **made})
    return items


def _response(call: Served, body: Json, items: list[Json]) -> Json:
    usage = {
        "input_tokens": call.prompt,
        "input_tokens_details": {"cached_tokens": call.cache_read},
        "output_tokens": call.completion,
        "output_tokens_details": {"reasoning_tokens": call.reasoning},
        "total_tokens": call.prompt + call.completion,
    }
    return {
        "id": f"resp_{call.token}",
        "object": "response",
        "created_at": int(call.at),
        "status": "completed",
        "model": call.model,
        "instructions": body.get("instructions"),
        "previous_response_id": body.get("previous_response_id"),
        "output": items,
        "parallel_tool_calls": True,
        "reasoning": {"effort": None, "summary": None},
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "metadata": {},
        "service_tier": "default",
        "usage": usage,
        "error": None,
        "incomplete_details": None,
        "max_output_tokens": None,
        "user": None,
    }


def _numbered(events: Iterator[Json]) -> Iterator[Json]:
    for number, event in enumerate(events):
        yield {**event, "sequence_number": number}


def _events(whole: Json) -> Iterator[Json]:
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(whole["output"]):
        yield from _item_events(index, item)
    yield {"type": "response.completed", "response": whole}


def _item_events(index: int, item: Json) -> Iterator[Json]:
    where = {"item_id": item["id"], "output_index": index}
    kind = item["type"]
    empty: Json = {"message": {"content": []}, "function_call": {"arguments": ""}}.get(kind, {})
    yield {"type": "response.output_item.added", "output_index": index, "item": {**item, "status": "in_progress", **empty}}
    if kind == "message":
        part = item["content"][0]
        text = {**where, "content_index": 0, "logprobs": []}
        yield {"type": "response.content_part.added", **where, "content_index": 0, "part": {**part, "text": ""}}
        yield {"type": "response.output_text.delta", **text, "delta": part["text"]}
        yield {"type": "response.output_text.done", **text, "text": part["text"]}
        yield {"type": "response.content_part.done", **where, "content_index": 0, "part": part}
    elif kind == "function_call":
        yield {"type": "response.function_call_arguments.delta", **where, "delta": item["arguments"]}
        yield {"type": "response.function_call_arguments.done", **where, "name": item["name"], "arguments": item["arguments"]}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}
