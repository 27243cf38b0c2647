"""What totals are made of, in words: where the time went, and which names it went to."""

from __future__ import annotations

from otel_session_agg._model.breakdown import NO_CALLS, NONE, OTHER, Breakdown, added, in_words
from otel_session_agg._model.detailed import PERCENTILES, Detailed
from otel_session_agg._untrusted.formatting import duration, short, split_duration

_MAX_NAMES = 3
"""Models, agents or tools that are shown by name; the others are summed up."""

_MAX_NAME_CHARS = 40


def time_split(duration_ms: float, totals: Detailed) -> str:
    """Return the duration of totals, milliseconds, in words: how much models and tools took."""
    return split_duration(
        duration_ms,
        (
            ("models", totals.model_duration_ms),
            ("tools", totals.tool_duration_ms),
            ("idle", totals.idle_duration_ms),
        ),
    )


def detail_rows(totals: Detailed) -> list[tuple[str, str]]:
    """Return names and values for a table: first answer, latencies, and the dearest of each."""
    first_token, first_response = totals.time_to_first_token_ms, totals.time_to_first_response_ms
    rows = [
        ("first token after", None if first_token is None else duration(first_token)),
        ("first response after", None if first_response is None else duration(first_response)),
        ("model latency", _latencies(totals)),
    ]
    return [
        *((name, value) for name, value in rows if value is not None),
        *(_by_name("model", totals.by_model) if len(totals.by_model) > 1 else ()),
        *_by_name("agent", totals.by_agent),
        *_by_name("tool", totals.by_tool),
    ]


def _latencies(totals: Detailed) -> str | None:
    """Return percentiles of the durations of model calls, if there are several."""
    if totals.details.latencies.num_calls <= 1:
        return None
    return ", ".join(f"p{at} {duration(totals.model_latency_ms(at / 100))}" for at in PERCENTILES)


def _by_name(kind: str, rows: Breakdown) -> list[tuple[str, str]]:
    """Return the dearest rows, and the sum of the others; nothing where nothing has a name."""
    named = sorted(
        ((name, row) for name, row in rows.items() if name not in {NONE, OTHER}),
        key=lambda item: (-item[1].cost_pusd, -item[1].duration_ns, item[0]),
    )
    if not named:
        return []
    found = [(f"{kind} {short(name, _MAX_NAME_CHARS)}", row) for name, row in named[:_MAX_NAMES]]
    others = rows.get(OTHER, NO_CALLS)
    for _, row in named[_MAX_NAMES:]:
        others = added(others, row)
    found = [(name, row) for name, row in [*found, (f"other {kind}s", others)] if any(row)]
    nameless = rows.get(NONE, NO_CALLS)
    if nameless.num_calls or (kind != "tool" and any(nameless)):  # most calls are of no tool
        found.append((f"no {kind}", nameless))
    return [(name, in_words(row)) for name, row in found]
