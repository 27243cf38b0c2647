"""An explanation as plain values, for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from fractions import Fraction
from typing import Any

from otel_session_agg._explain.counted import SpanKey
from otel_session_agg._explain.keys import FIELDS
from otel_session_agg._explain.rows import SpanExplanation
from otel_session_agg._explain.verdicts import Verdict
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.span import Kind
from otel_session_agg._pricing.price_parts import PriceOfCall
from otel_session_agg._untrusted.formatting import short

__all__ = ["as_dict"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def as_dict(
    rows: Sequence[SpanExplanation],
    rollup: Rollup,
    sessions: Mapping[str | None, Rollup],
    left_out: Mapping[str, int],
    earlier: Rollup | None = None,
) -> dict[str, Any]:
    """Return an explanation as plain values.

    ``sum`` and ``sessions`` have the totals, ``cost_pusd`` is in picodollars (1e-12 USD).
    ``earlier``: of calls that are no rows.  ``spans`` have what each span states, by which keys,
    and what became of its call.
    """
    return {
        "sum": _totals(rollup),
        "sessions": [
            {**_totals(totals), "session_id": _text(name)} for name, totals in sessions.items()
        ],
        "earlier": None if earlier is None else _totals(earlier),
        "num_spans": len(rows),
        "num_left_out": dict(left_out),
        "spans": [_span(row) for row in rows],
    }


def _totals(rollup: Rollup) -> dict[str, Any]:
    return {**rollup.to_dict(), "cost_pusd": rollup.cost_pusd}


def _text(value: str | None) -> str | None:
    return None if value is None else short(value)


def _span(row: SpanExplanation) -> dict[str, Any]:
    span, parent = row.span, row.branch.parent
    return {
        "number": row.number,
        "depth": row.branch.depth,
        "trace_id": f"{span.trace_id:032x}",
        "span_id": f"{span.span_id:016x}",
        "parent_id": None if parent is None else f"{parent[1]:016x}",
        "name": short(span.name),
        "scope": short(f"{span.scope_name} {span.scope_version}".strip()),
        "kind": row.kind,
        "stated": {
            name: {
                "value": _value(FIELDS[name](row.reading)),
                "keys": [short(key) for key in stated.keys],
                "also": [short(key) for key in stated.also],
            }
            for name, stated in row.stated.items()
        },
        "ignored": list(row.reading.ignored),
        "verdict": None if row.verdict is None else _verdict(row.verdict),
    }


def _value(value: object) -> object:
    if isinstance(value, Kind):
        return value.value
    if isinstance(value, tuple):
        return list(value)
    return short(value) if isinstance(value, str) else value


def _verdict(verdict: Verdict) -> dict[str, Any]:
    usage = verdict.usage
    return {
        "counts": verdict.counts,
        "num_model_events": verdict.num_model_events,
        "usage": None
        if usage is None
        else {name: count for name, count in usage._asdict().items() if count is not None},
        "models": [short(model) for model in verdict.models],
        "cost_pusd": verdict.cost_pusd,
        "cost_source": verdict.cost_source,
        "price": None if verdict.price is None else _price(verdict.price),
        "rule": verdict.rule,
        "why": verdict.why(None if verdict.other is None else "the other span") or None,
        "other": None if verdict.other is None else _key(verdict.other),
        "gave": list(verdict.gave),
        "has_from": [{**_key(key), "gave": list(gave)} for key, gave in verdict.has_from],
    }


def _key(key: SpanKey) -> dict[str, str]:
    return {"trace_id": f"{key[0]:032x}", "span_id": f"{key[1]:016x}"}


def _price(price: PriceOfCall) -> dict[str, Any]:
    since, until = price.window.moments()
    return {
        "table": price.origin.table,
        "entry": short(price.origin.text),
        "reason": price.reason or None,
        "above_tokens": price.above_tokens,
        "valid_from": since.isoformat() if since is not None else None,
        "valid_until": until.isoformat() if until is not None else None,
        "parts": [
            {
                "name": part.name,
                "number": part.number,
                "rate_pusd": _exact(part.rate_pusd),
                "cost_pusd": _exact(part.cost_pusd),
            }
            for part in price.parts
        ],
    }


def _exact(amount: Fraction) -> int | str:
    """Return a whole number as such, any other amount as a fraction."""
    return amount.numerator if amount.denominator == 1 else str(amount)
