"""A history as large as a busy year's, made by SQL alone, to see how long a view of the page takes.

A session has two traces with ten reports of calls each, of which one repeats another.  Costs are lognormal, one model has no
price, a segment fails more often.  What `recount` reads (the parts of sessions) is not in it.

Run: ``python -m tests.benchmarks.large_history PATH [--sessions N] [--days N]``
"""

# ruff: noqa: S608 -- constants of this module

from __future__ import annotations

import argparse
import time
from pathlib import Path

from otel_session_agg._history.history import History
from otel_session_agg._history.labels import note_all_labels

from ._workload import say

CALLS = 20
"""Reports of calls that a session has."""
_AT_ONCE = 50_000
"""Sessions that are made at once: a million rows of calls."""
_END = "TIMESTAMP '2026-11-27 00:00:00'"

_NUMBER = "substr(session, 6)::BIGINT"
_USER = f"'user-' || hash({_NUMBER}) % 5000"
_DIMENSIONS = (
    f"json_object('service.name', 'shop-' || {_NUMBER} % 3, 'service.version', '1.' || {_NUMBER} * 4 // $3,"
    f" 'deployment.environment.name', ['production', 'staging'][{_NUMBER} % 10 // 9 + 1])"
)
_CALLS = f"""
INSERT INTO calls (trace_id, span_id, session, name, start_time, end_time, duration, model, provider, agent, tool, tokens,
                   prompt_tokens, completion_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost, cost_source,
                   unpriced, failed, counts, lost_to, rule, "user", dimensions)
WITH numbers AS (
    SELECT i, i // {CALLS} AS s, i % {CALLS} AS c, hash(i) AS h, hash(i // {CALLS}, 7) AS hs
    FROM range($1::BIGINT * {CALLS}, $2::BIGINT * {CALLS}) AS made(i)
),
drawn AS (
    SELECT *, (h % 1000003) / 1000003.0 AS u, (h // 1000003 % 1000003) / 1000003.0 AS v, (hs % 1000003) / 1000003.0 AS w,
           (CASE WHEN c % 4 = 0 THEN hs % 5 ELSE hs // 5 % 4 END)::BIGINT AS m, c = 19 AS repeats
    FROM numbers
),
sized AS (
    SELECT *, (200 + exp(5.5 + 1.1 * sqrt(-2 * ln(u + 1e-9)) * cos(6.283185 * v)))::BIGINT AS input,
           (20 + 400 * v)::BIGINT AS output, 300 + 9000 * u * u AS ms,
           {_END} - to_microseconds(((1 - s / $3::DOUBLE) * $4 * 86400000000)::BIGINT) AS begun
    FROM drawn
)
SELECT format('{{:032x}}', s * 2 + c // 10 + 1), format('{{:016x}}', i + 1), 'chat-' || s, 'chat',
       begun + to_milliseconds((c * 11000)::BIGINT), begun + to_milliseconds((c * 11000 + ms)::BIGINT), ms,
       ['gpt-4o-mini', 'gpt-4o', 'claude-sonnet-4-5', 'gemini-2.5-flash', 'in-house-1'][m + 1],
       ['openai', 'openai', 'anthropic', 'google', 'own'][m + 1],
       ['planner', 'researcher', 'writer'][(h // 11 % 3)::BIGINT + 1], NULL,
       input + output, input, output, CASE WHEN w < 0.5 THEN input // 2 ELSE 0 END, 0, NULL,
       CASE WHEN NOT repeats AND m < 4
            THEN (input * [0.15, 2.5, 3.0, 0.3][m + 1] + output * [0.6, 10, 15, 2.5][m + 1])::DECIMAL(18, 6) / 1000000 END,
       CASE WHEN NOT repeats AND m < 4 THEN 'computed' END, NOT repeats AND m = 4,
       u < CASE WHEN s % 3 = 2 THEN 0.02 ELSE 0.004 END, NOT repeats,
       CASE WHEN repeats THEN format('{{:016x}}', i) END, CASE WHEN repeats THEN 'layer' END,
       {_USER.replace(_NUMBER, "s")}, {_DIMENSIONS.replace(_NUMBER, "s")}
FROM sized
"""

_SUMS = """
    sum(cost) AS cost, CASE WHEN count(cost) > 0 THEN 'computed' END AS cost_source,
    count(*) FILTER (unpriced) AS unpriced, sum(tokens) FILTER (counts) AS tokens,
    sum(prompt_tokens) FILTER (counts) AS prompt_tokens, sum(completion_tokens) FILTER (counts) AS completion_tokens,
    sum(cache_read_tokens) FILTER (counts) AS cache_read_tokens, 0 AS cache_write_tokens, NULL AS reasoning_tokens,
    count(*) + 3 AS events, count(*) FILTER (counts) AS model_events, 3 AS tool_events,
    count(*) FILTER (failed AND counts) AS errors, any_value(substr(session, 6)::BIGINT) % 19 = 0 AS feedback,
    list_sort(list(DISTINCT model)) AS models, min(start_time) AS start_time, max(end_time) AS end_time,
    sum(duration) FILTER (counts) AS model_duration, count(*) * 40.0 AS tool_duration
"""
_SAME = (
    "cost, cost_source, unpriced, tokens, prompt_tokens, completion_tokens, cache_read_tokens, cache_write_tokens,"
    " reasoning_tokens, events, model_events, tool_events, errors, feedback, models, start_time, end_time, model_duration,"
    " tool_duration"
)
_OF_CALLS = "FROM made_calls"
_TRACES = f"""
INSERT INTO traces (trace_id, session, {_SAME}, root_id, name, "user", spans, duration, partial, dimensions, error)
SELECT trace_id, session, {_SAME}, format('{{:016x}}', 4000000000 + {_NUMBER}), 'POST /chat', {_USER}, events,
       date_diff('millisecond', start_time, end_time), NULL, {_DIMENSIONS}, CASE WHEN errors > 0 THEN 'TimeoutError' END
FROM (SELECT trace_id, any_value(session) AS session, {_SUMS} {_OF_CALLS} GROUP BY trace_id)
ORDER BY start_time
"""
_SESSIONS = f"""
INSERT INTO sessions (session, {_SAME}, state, revision, "user", traces, open_roots, duration, avg_trace_latency, metadata,
                      dimensions, turns, average_turn_cost, end_reason, idle_duration, error)
SELECT session, {_SAME}, 'ended', 1, {_USER}, 2, 0, date_diff('millisecond', start_time, end_time),
       date_diff('millisecond', start_time, end_time) / 2,
       json_object('plan', ['free', 'pro'][{_NUMBER} % 2 + 1], 'score', {_NUMBER} % 5), {_DIMENSIONS}, 2, cost / 2, NULL, 0,
       CASE WHEN errors > 0 THEN 'TimeoutError' END
FROM (SELECT session, {_SUMS} {_OF_CALLS} GROUP BY session)
ORDER BY start_time
"""
_BREAKDOWN = f"""
INSERT INTO breakdown (session, kind, name, calls, errors, tokens, prompt_tokens, completion_tokens, cache_read_tokens,
                       cache_write_tokens, reasoning_tokens, cost, priced, unpriced, start_time, duration)
SELECT session, '{{kind}}', {{kind}}, count(*), count(*) FILTER (failed), sum(tokens), sum(prompt_tokens), sum(completion_tokens),
       sum(cache_read_tokens), 0, 0, CASE WHEN count(cost) > 0 OR NOT bool_or(unpriced) THEN coalesce(sum(cost), 0) END,
       count(cost), count(*) FILTER (unpriced), min(first), sum(duration)
FROM (SELECT *, min(start_time) OVER (PARTITION BY session) AS first {_OF_CALLS} WHERE counts) GROUP BY session, {{kind}}
ORDER BY min(first)
"""
_TOOLS = """
INSERT INTO breakdown (session, kind, name, calls, errors, tokens, prompt_tokens, completion_tokens, cache_read_tokens,
                       cache_write_tokens, reasoning_tokens, cost, priced, unpriced, start_time, duration)
SELECT session, 'tool', 'search', 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, min(start_time), 800.0 FROM made_calls GROUP BY session
"""


def make(path: Path, sessions: int, days: int = 60) -> None:
    """Make a history of sessions over so many days that end at a fixed time."""
    History(path).close()
    with History(path, memory_limit="3GB") as history:
        connection = history._writer()  # the rows are no replay's
        for first in range(0, sessions, _AT_ONCE):
            last = min(first + _AT_ONCE, sessions)
            connection.execute(_CALLS, [first, last, sessions, days])
            connection.execute(
                "CREATE OR REPLACE TEMP TABLE made_calls AS SELECT * FROM calls WHERE start_time >= "
                f"{_END} - to_microseconds(((1 - $1 / $3::DOUBLE) * $4 * 86400000000)::BIGINT) AND substr(session, 6)::BIGINT"
                " BETWEEN $1 AND $2 - 1",
                [first, last, sessions, days],
            )
            for sql in (_TRACES, _SESSIONS):
                connection.execute(sql.replace("$3", str(sessions)))
            for kind in ("model", "agent"):
                connection.execute(_BREAKDOWN.format(kind=kind))
            connection.execute(_TOOLS)
        connection.execute("DROP TABLE made_calls")
        note_all_labels(connection)
        connection.execute("CHECKPOINT")


def main() -> None:
    """Make it, and say how long that took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("path", type=Path)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=60)
    given = parser.parse_args()
    begin = time.perf_counter()
    make(given.path, given.sessions, given.days)
    size = given.path.stat().st_size / 1e9
    say(f"{given.sessions:,} sessions, {given.sessions * CALLS:,} calls: {size:.2f} GB in {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
