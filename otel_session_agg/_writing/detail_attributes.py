"""Turn what totals are made of into attributes: rows by name, times, latencies of model calls.

Rows are one JSON text for models, one for agents, and one for tools: a number of attributes that
does not depend on how many names there are, and names that come from users are never names of
attributes.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable
from functools import cache, lru_cache
from json.encoder import encode_basestring

from otel_session_agg import attributes as n
from otel_session_agg._model.breakdown import (
    MAX_NAME_CHARS,
    NO_ROWS,
    NONE,
    BreakdownRow,
    added,
)
from otel_session_agg._model.coverage import NO_TIME
from otel_session_agg._model.detailed import PERCENTILES
from otel_session_agg._model.details import NO_DETAILS
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._untrusted.values import PUSD_PER_USD, encodable

_MAX_ROWS_KEPT = 512
"""Rows whose text is kept, about 300 kB: those of ten open roots with as many names as can be.

Where totals are written on an open root each time that a span ends, all rows but one are as before.
"""

_NS_PER_MS = 1e6

_ONE_INTERVAL = 2
"""Times of one that has no gap."""

_DECIMALS = 3
"""Of milliseconds that are right to 1 %."""

_LATENCY_NAMES = (n.MODEL_LATENCY_P50, n.MODEL_LATENCY_P95, n.MODEL_LATENCY_P99)
_QUANTILES = tuple(at / 100 for at in PERCENTILES)


def detail_attributes(
    rollup: Rollup, *, is_record: bool = False, began_ns: int | None = None
) -> dict[str, str | bool | float]:
    """Return what totals are made of, for a root or a session record.

    ``began_ns``: when a root began that is open.
    """
    details = rollup.details
    if details is NO_DETAILS:
        return {}
    model_time, tool_time, busy = details.model_time, details.tool_time, details.busy_time
    may_be_idle = is_record or len(busy.times_ns) > _ONE_INTERVAL or busy.since_ns
    has_calls = details.by_model is not NO_ROWS or details.by_tool is not NO_ROWS
    if not (has_calls or may_be_idle or details.first_answer_ns is not None):
        return {}  # as of most roots of a web application
    # first all that is asked of others, so that who follows this changes the file seldom
    models, agents, tools = rollup.by_model, details.by_agent, details.by_tool
    total = models.total
    if agents is not NO_ROWS:
        agents = agents.with_rest_of(total)
    if tools is not NO_ROWS:
        tools = tools.with_rest_of(total, calls=False)
    model_rows, agent_rows, tool_rows = models.items(), agents.items(), tools.items()
    model_ns = model_time.covered_ns
    tool_ns = tool_time.covered_ns if tool_time is not NO_TIME else 0
    is_exact = model_time.is_exact and tool_time.is_exact and busy.is_exact
    if not is_exact and rollup.start_ns is not None and rollup.end_ns is not None:
        whole_ns = rollup.end_ns - rollup.start_ns
        model_ns, tool_ns = min(model_ns, whole_ns), min(tool_ns, whole_ns)
    counts = details.latencies.counts
    values: dict[str, str | bool | float | None] = {
        n.BY_MODEL: rows_text(model_rows),
        n.BY_AGENT: rows_text(agent_rows, is_none_shown=False),
        n.BY_TOOL: rows_text(tool_rows, is_none_shown=False),
        n.MODEL_DURATION: model_ns / _NS_PER_MS or None,
        n.TOOL_DURATION: tool_ns / _NS_PER_MS or None,
        n.TIME_TO_FIRST_TOKEN: details.first_token and details.first_token.wait_ns / _NS_PER_MS,
        n.TIME_TO_FIRST_RESPONSE: _first_response_ms(rollup, began_ns),
        n.DURATIONS_EXACT: None if is_exact else False,
    }
    found = {name: value for name, value in values.items() if value is not None}
    if may_be_idle:
        found.update(_idle_attributes(rollup, is_record=is_record))
    if is_record:
        for name, rows in rollup.by_dimension.items():
            found[n.BY_DIMENSION_PREFIX + encodable(name)] = rows_text(rows.items()) or ""
    if len(counts) > 1 or (counts and (is_record or counts[0][1] > 1)):
        latencies_ms = map(_rounded, details.latencies.quantiles_ms(_QUANTILES))
        found.update(zip(_LATENCY_NAMES, latencies_ms, strict=True))
    return found


def _first_response_ms(rollup: Rollup, began_ns: int | None) -> float | None:
    """Return the time from the start of a root until a model call first answered."""
    start_ns, answered_ns = rollup.start_ns, rollup.details.first_answer_ns
    if start_ns is None or answered_ns is None:
        return None
    return (answered_ns - min(start_ns, began_ns or start_ns)) / _NS_PER_MS


def _idle_attributes(rollup: Rollup, *, is_record: bool) -> dict[str, float]:
    """Return how long something ran and nothing did; of a root only where nothing ran."""
    busy_ms, idle_ms, gap_ms = (
        rollup.busy_duration_ms,
        rollup.idle_duration_ms,
        rollup.longest_gap_ms,
    )
    if busy_ms is None or idle_ms is None or not (is_record or idle_ms):
        return {}
    found = {n.BUSY_DURATION: busy_ms, n.IDLE_DURATION: idle_ms}
    return {**found, n.LONGEST_GAP: gap_ms} if gap_ms else found


def rows_text(rows: ItemsView[str, BreakdownRow], *, is_none_shown: bool = True) -> str | None:
    """Return rows as compact JSON, in their order; ``None`` without rows.

    ``is_none_shown``: whether there is anything to say when nothing has a name.
    """
    if not rows or (not is_none_shown and [name for name, _ in rows] == [NONE]):
        return None
    if not all(name.isascii() and len(name) <= MAX_NAME_CHARS for name, _ in rows):
        rows = _writable(rows).items()
    return f"{{{','.join([_row_text(name, row) for name, row in rows])}}}"


def _writable(rows: Iterable[tuple[str, BreakdownRow]]) -> dict[str, BreakdownRow]:
    """Return rows by names that are short enough and can be encoded; of two the same, the sum."""
    found: dict[str, BreakdownRow] = {}
    for name, row in rows:
        shown = encodable(name[:MAX_NAME_CHARS])
        found[shown] = added(found[shown], row) if shown in found else row
    return found


@cache
def _rounded(ms: float) -> float:
    """Return the middle of a bucket of latencies, of which there are about a thousand."""
    return round(ms, _DECIMALS)


@lru_cache(_MAX_ROWS_KEPT)
def _row_text(name: str, row: BreakdownRow) -> str:
    """Return the member of a JSON object that is a row, see ``attributes.BY_MODEL``."""
    (
        calls, errors, prompt, completion, total, read, written, reasoning,
        cost_pusd, num_priced, unpriced, duration_ns,
    ) = row  # fmt: skip
    return (  # in a loop over the counts it takes a quarter more time
        f'{encode_basestring(name)}:{{"calls":{calls}'
        + (f',"cost":{cost_pusd / PUSD_PER_USD!r}' if num_priced else "")
        + (f',"errors":{errors}' if errors else "")
        + (f',"unpriced":{unpriced}' if unpriced else "")
        + (f',"prompt_tokens":{prompt}' if prompt else "")
        + (f',"completion_tokens":{completion}' if completion else "")
        + (f',"total_tokens":{total}' if total else "")
        + (f',"cache_read_tokens":{read}' if read else "")
        + (f',"cache_write_tokens":{written}' if written else "")
        + (f',"reasoning_tokens":{reasoning}' if reasoning else "")
        + f',"duration":{duration_ns / _NS_PER_MS!r}}}'
    )
