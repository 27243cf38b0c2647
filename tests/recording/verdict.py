"""Whether the totals of a recorded case are right."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any

from genai_prices import Usage, calc_price
from opentelemetry.sdk.trace import ReadableSpan

from tests.support.replay import CASES, FIGURES, Case, replay, replay_rootless

_PRICED = frozenset({"prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_write_tokens"})
"""Without all of these the cost cannot be right."""
_SOLD_AS = {"mistral-large-latest": "mistral-large-2512"}
"""What genai-prices 0.2.3 does not know of an alias: https://docs.mistral.ai/models/mistral-large-3-25-12."""
_COST_USD = 1e-9
"""How near the cost has to come."""


def recordings(names: Iterable[str] = ("*",)) -> list[Path]:
    """The files of the stacks whose names match a glob."""
    return sorted({path for name in names for path in (CASES / "recorded").glob(f"{name}.jsonl.gz")})


def wrong_figures(case: Case) -> dict[str, tuple[Any, Any]]:
    """Expected and actual of what does not agree."""
    roots = replay_rootless(case) if case["rootless"] else [replay(case)]
    actual: dict[str, Any] = {key: sum(_number(root, key) for root in roots) for key in (*FIGURES, "num_unpriced_events")}
    if "session_id" in case["expect"]:
        asked = [root for root in roots if _number(root, "total_tokens")] or roots  # a second teller's root may not know it
        ids = {str((root.attributes or {}).get("session.id")) for root in asked}
        actual["session_id"] = ids.pop() if len(ids) == 1 else sorted(ids)
    wrong = {key: (value, actual[key]) for key, value in case["expect"].items() if value != actual[key]}
    if asserts_cost(case):
        expected, cost = expected_cost(case), sum(_number(root, "cost") for root in roots)
        if not math.isclose(expected, cost, rel_tol=0, abs_tol=_COST_USD):
            wrong["cost"] = (expected, cost)
    return wrong


def asserts_cost(case: Case) -> bool:
    """Whether the cost of a case can be known."""
    return case["expect"].keys() >= _PRICED and "cost" not in case["left_out"]


def _number(root: ReadableSpan, key: str) -> Any:
    return (root.attributes or {}).get(f"metadata.{key}", 0)


def expected_cost(case: Case) -> float:
    """What genai-prices itself says that the served calls cost, in USD; calls of models that it does not know cost nothing."""
    answered = [call for call in case["served"] if call["status"] < 400]
    return math.fsum(_cost(json.dumps(call)) for call in answered)


@cache
def _cost(served: str) -> float:
    call = json.loads(served)
    usage = Usage(
        input_tokens=call["prompt"],
        output_tokens=call["completion"],
        cache_read_tokens=call["cache_read"],
        cache_write_tokens=call["cache_write"],
        cache_write_1h_tokens=call["cache_write_1h"],
        cache_write_5m_tokens=call["cache_write"] - call["cache_write_1h"],
    )
    at = datetime.fromtimestamp(call["at"], timezone.utc)
    try:
        model = _SOLD_AS.get(call["model"], call["model"])
        return float(calc_price(usage, model, provider_id=call["provider"], genai_request_timestamp=at).total_price)
    except LookupError:
        return 0.0
