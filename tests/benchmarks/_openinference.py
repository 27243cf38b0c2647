"""The workload's spans in the words of OpenInference, with the messages that its instrumentations record by default."""

from __future__ import annotations

import json
from typing import Any

from ._workload import MODEL, Dialect, completion_tokens, prompt_tokens

_QUESTION, _ANSWER = "What is the state of order 4711? " * 8, "It left the warehouse this morning. " * 8


def _agent(trace: int, agent: int) -> dict[str, Any]:
    return {"openinference.span.kind": "AGENT", "input.value": f"{_QUESTION}{trace}", "graph.node.id": f"agent {agent}"}


def _model(trace: int, call: int) -> dict[str, Any]:
    prompt, completion = prompt_tokens(trace, call), completion_tokens(trace, call)
    answer = {
        "id": f"chatcmpl-{trace}-{call}",
        "model": MODEL,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": _ANSWER}}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion},
    }
    return {
        "openinference.span.kind": "LLM",
        "llm.system": "openai",
        "llm.provider": "openai",
        "llm.model_name": MODEL,
        "llm.invocation_parameters": '{"model": "gpt-4o", "temperature": 0.2}',
        "input.value": json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": _QUESTION}]}),
        "input.mime_type": "application/json",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": _QUESTION,
        "output.value": json.dumps(answer),
        "output.mime_type": "application/json",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": _ANSWER,
        "llm.token_count.prompt": prompt,
        "llm.token_count.completion": completion,
        "llm.token_count.total": prompt + completion,
        "llm.token_count.prompt_details.cache_read": 0,
        "llm.token_count.completion_details.reasoning": 0,
    }


def _tool(trace: int, call: int) -> dict[str, Any]:
    return {"openinference.span.kind": "TOOL", "tool.name": "search", "input.value": f'{{"order": {trace + call}}}'}


OPENINFERENCE = Dialect(_agent, _model, _tool)
