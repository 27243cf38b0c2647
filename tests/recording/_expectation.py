"""The right answer: what the server told, added up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_SUMS = {
    "prompt_tokens": "prompt",
    "completion_tokens": "completion",
    "cache_read_tokens": "cache_read",
    "cache_write_tokens": "cache_write",
    "reasoning_tokens": "reasoning",
}
"""Keys of ``expect`` and the served figure that each is the sum of."""


def expectation(served: Sequence[dict[str, Any]], left_out: Sequence[str] = (), session_id: str | None = None) -> dict[str, Any]:
    """What the totals have to be.

    Where an answer did not say what it used, nobody can know the tokens; where it was cut, the cost has to be unknown. A failed call may leave a model span or none, so model
    events are only expected when no call failed.
    """
    answered = [call for call in served if call["status"] < 400]
    expect: dict[str, Any] = {}
    if all(call["usage_sent"] for call in answered):
        expect = {key: sum(call[figure] for call in answered) for key, figure in _SUMS.items()}
        expect["total_tokens"] = expect["prompt_tokens"] + expect["completion_tokens"]
    if len(answered) == len(served):
        expect["num_model_events"] = sum(call["kind"] == "chat" for call in answered)
    if any(call.get("cut") for call in answered):
        expect["num_unpriced_events"] = sum(call.get("cut", False) for call in answered)
    if session_id is not None:
        expect["session_id"] = session_id
    return {key: value for key, value in expect.items() if key not in left_out}
