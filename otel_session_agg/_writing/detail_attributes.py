"""Turn what totals are made of into attributes: rows by name, times, latencies of model calls.

Rows are one JSON text for models, one for agents, and one for tools: a number of attributes that
does not depend on how many names there are, and names that come from users are never names of
attributes.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable
from functools import cache
from json.encoder import encode_basestring

from otel_session_agg import attributes as n
from otel_session_agg._model.breakdown import (
    MAX_NAME_CHARS,
    NO_ROWS,
    NONE,
    Breakdown,
    BreakdownRow,
    added,
)
from otel_session_agg._model.coverage import NO_TIME
from otel_session_agg._model.detailed import PERCENTILES
from otel_session_agg._model.details import NO_DETAILS
from otel_session_agg._model.latencies import middle_ns
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._untrusted.values import PUSD_PER_USD, encodable

_NS_PER_MS = 1e6

_ONE_INTERVAL = 2
"""Times of one that has no gap."""

_DECIMALS = 3
"""Of milliseconds that are right to 1 %."""

_LATENCY_NAMES = (n.MODEL_LATENCY_P50, n.MODEL_LATENCY_P95, n.MODEL_LATENCY_P99)
_QUANTILES = tuple(at / 100 for at in PERCENTILES)

Texts = dict[tuple[int, ...], str]
"""Figures as text, by the figures: of a trace with one model and one agent these have the same."""

_NO_FIGURES = (0,) * 10

RowsWritten = dict[str, tuple[Breakdown, str | None]]
"""The rows that were last written on an open root, and their text, by the name of the attribute."""

_Found = dict[str, str | bool | float]


def detail_attributes(
    rollup: Rollup,
    *,
    is_record: bool = False,
    began_ns: int | None = None,
    written: RowsWritten | None = None,
) -> dict[str, str | bool | float]:
    """Return what totals are made of, for a root or a session record.

    ``began_ns``: when a root began that is open.  ``written``: the rows that it has, to be updated.
    """
    details = rollup.details
    if details is NO_DETAILS:
        return {}
    busy, first_ns = details.busy_time, details.first_answer_ns
    may_be_idle = is_record or len(busy.times_ns) > _ONE_INTERVAL or busy.since_ns
    has_calls = details.by_model is not NO_ROWS or details.by_tool is not NO_ROWS
    if not (has_calls or may_be_idle or first_ns is not None):
        return {}  # as of most roots of a web application
    found: _Found = {}
    _add_rows(found, rollup, written)
    model_time, tool_time = details.model_time, details.tool_time
    is_exact = model_time.is_exact and tool_time.is_exact and busy.is_exact
    _add_times(found, rollup, is_exact=is_exact)
    if first_ns is not None and (start_ns := rollup.start_ns) is not None:
        since_ns = min(start_ns, began_ns or start_ns)
        found[n.TIME_TO_FIRST_RESPONSE] = (first_ns - since_ns) / _NS_PER_MS
    if not is_exact:
        found[n.DURATIONS_EXACT] = False
    if may_be_idle:
        found.update(_idle_attributes(rollup, is_record=is_record))
    if is_record:
        for name, rows in rollup.by_dimension.items():
            found[n.BY_DIMENSION_PREFIX + encodable(name)] = rows_text(rows.items()) or ""
    counts = details.latencies.counts
    if len(counts) > 1 or (counts and (is_record or counts[0][1] > 1)):
        buckets = details.latencies.quantile_buckets(_QUANTILES)
        found.update(zip(_LATENCY_NAMES, map(_latency_ms, buckets), strict=True))
    return found


def _add_rows(found: _Found, rollup: Rollup, written: RowsWritten | None) -> None:
    """Add the texts of rows; on an open root those that are as before are not made again."""
    models, agents, tools = rollup.by_model, rollup.details.by_agent, rollup.details.by_tool
    total = models.total
    if agents is not NO_ROWS:
        agents = agents.with_rest_of(total)
    if tools is not NO_ROWS:
        tools = tools.with_rest_of(total, calls=False)
    texts: Texts = {_NO_FIGURES: ""}
    for name, rows in ((n.BY_MODEL, models), (n.BY_AGENT, agents), (n.BY_TOOL, tools)):
        if rows is NO_ROWS:
            continue
        if written is not None and name in written and rows == written[name][0]:
            text = written[name][1]
        else:
            text = rows_text(rows.items(), texts, is_none_shown=name is n.BY_MODEL)
            if written is not None:
                written[name] = rows, text
        if text is not None:
            found[name] = text


def _add_times(found: _Found, rollup: Rollup, *, is_exact: bool) -> None:
    """Add how long calls and tools ran, and the time to the first token."""
    details = rollup.details
    model_ns, tool_ns = details.model_time.covered_ns, 0
    if details.tool_time is not NO_TIME:
        tool_ns = details.tool_time.covered_ns
    start_ns, end_ns = rollup.start_ns, rollup.end_ns
    if start_ns is not None and end_ns is not None and not is_exact:
        model_ns, tool_ns = min(model_ns, end_ns - start_ns), min(tool_ns, end_ns - start_ns)
    if model_ns:
        found[n.MODEL_DURATION] = model_ns / _NS_PER_MS
    if tool_ns:
        found[n.TOOL_DURATION] = tool_ns / _NS_PER_MS
    if details.first_token is not None:
        found[n.TIME_TO_FIRST_TOKEN] = details.first_token.wait_ns / _NS_PER_MS


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


def rows_text(
    rows: ItemsView[str, BreakdownRow],
    texts: Texts | None = None,
    *,
    is_none_shown: bool = True,
    is_writable: bool = False,
) -> str | None:
    """Return rows as compact JSON, see ``attributes.BY_MODEL``; ``None`` without rows.

    Args:
        rows: In their order.
        texts: Those of figures that were written, to be added to.
        is_none_shown: Whether there is anything to say when nothing has a name.
        is_writable: Whether all names are short enough and can be encoded.

    """
    texts = {_NO_FIGURES: ""} if texts is None else texts
    members: list[str] = []
    name = ""
    for name, row in rows:
        if not (is_writable or (name.isascii() and len(name) <= MAX_NAME_CHARS)):
            return rows_text(_writable(rows).items(), texts, is_writable=True)
        figures = row[1:-1]
        text = texts.get(figures)
        if text is None:
            text = texts[figures] = _figures_text(figures)
        lasted_ms = row[-1] / _NS_PER_MS
        members.append(
            f'{encode_basestring(name)}:{{"calls":{row[0]}{text},"duration":{lasted_ms!r}}}'
        )
    if not members or (not is_none_shown and name == NONE and len(members) == 1):
        return None
    return f"{{{','.join(members)}}}"


def _writable(rows: Iterable[tuple[str, BreakdownRow]]) -> dict[str, BreakdownRow]:
    """Return rows by names that are short enough and can be encoded; of two the same, the sum."""
    found: dict[str, BreakdownRow] = {}
    for name, row in rows:
        shown = encodable(name[:MAX_NAME_CHARS])
        found[shown] = added(found[shown], row) if shown in found else row
    return found


@cache
def _latency_ms(bucket: int) -> float:
    """Return the middle of a bucket of latencies, of which there are about a thousand."""
    return round(middle_ns(bucket) / _NS_PER_MS, _DECIMALS)


def _figures_text(figures: tuple[int, ...]) -> str:
    """Return the members of a row that are neither its calls nor their duration."""
    (
        errors, prompt, completion, total, read, written, reasoning, cost_pusd, num_priced,
        unpriced,
    ) = figures  # fmt: skip
    cost = f',"cost":{cost_pusd / PUSD_PER_USD!r}' if num_priced else ""
    if errors or unpriced:
        cost += f',"errors":{errors}' if errors else ""
        cost += f',"unpriced":{unpriced}' if unpriced else ""
    if prompt and completion and total:  # as nearly always: one text takes half of the time
        tokens = (
            f',"prompt_tokens":{prompt},"completion_tokens":{completion},"total_tokens":{total}'
        )
    else:
        tokens = (
            (f',"prompt_tokens":{prompt}' if prompt else "")
            + (f',"completion_tokens":{completion}' if completion else "")
            + (f',"total_tokens":{total}' if total else "")
        )
    if not (read or written or reasoning):
        return cost + tokens
    return (
        cost
        + tokens
        + (f',"cache_read_tokens":{read}' if read else "")
        + (f',"cache_write_tokens":{written}' if written else "")
        + (f',"reasoning_tokens":{reasoning}' if reasoning else "")
    )
