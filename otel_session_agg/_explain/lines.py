"""Lay an explanation out in lines of at most 100 columns: one line a span where possible.

Each span has a number, and behind its figures a letter (the keys that it was read by) and a number
(its price); these are listed below the tree.  The costs of the spans add up to the sum at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from otel_session_agg._explain.columns import (
    MAX_CHARS,
    MAX_NOTES,
    WIDTH,
    Columns,
    columns_of,
    padded,
    wrapped,
)
from otel_session_agg._explain.note_lines import price_lines, read_lines
from otel_session_agg._explain.notes import ReadNote, price_notes, read_notes
from otel_session_agg._explain.rows import SpanExplanation
from otel_session_agg._explain.shown import BOLD, DIM, PLAIN, WARN, Line
from otel_session_agg._explain.verdicts import ELSEWHERE, UNKNOWN
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.span import CALLS, Usage
from otel_session_agg._pricing.origins import table_version
from otel_session_agg._untrusted.formatting import counted, duration, printable, short

__all__ = ["MAX_SHOWN", "lines_of"]

MAX_SHOWN = 200
"""Spans that are shown; of more, only how many there are and what they cost."""

_MAX_ID = 60
_MS = 1_000_000
_NAME, _KIND, _NOTE = 34, 10, 5


def lines_of(  # noqa: PLR0913 -- all that is known
    rows: Sequence[SpanExplanation],
    rollup: Rollup,
    sessions: Mapping[str | None, Rollup],
    left_out: Mapping[str, int],
    earlier: Rollup | None = None,
    *,
    depth: int | None = None,
) -> list[Line]:
    """Return an explanation as lines; ``depth``: levels of spans that are shown."""
    tops = [row for row in rows if depth is None or row.branch.depth < depth]
    shown, more = tops[:MAX_SHOWN], rows[tops[MAX_SHOWN].number - 1 :] if tops[MAX_SHOWN:] else ()
    reads = read_notes(shown)
    prices, by_price = price_notes(rows, table_version())
    columns = columns_of(rows, rollup)
    lines: list[Line] = [_title(rows, sessions), _header(columns)]
    ends = [*(row.number for row in (*shown[1:], *more[:1])), len(rows) + 1]
    for row, end in zip(shown, ends, strict=False):
        note = _marks(reads.get(row.number), by_price.get(row.number))
        lines += _row(row, columns, note)
        if below := rows[row.number : end - 1]:
            lines.append(_more(below, columns, below=True))
    if more:
        lines.append(_more(more, columns))
    if earlier is not None:
        lines += _sum("calls not remembered here:", earlier, columns, PLAIN)
    lines.append([("─" * WIDTH, DIM)])
    lines += _sum("sum of", rollup, columns, BOLD)
    lines += _session_lines(sessions, columns)
    for why, number in left_out.items():
        if number:
            lines.append([(f"{counted(number, 'span')} left out: {why}", WARN)])
    lines += price_lines(prices, columns)
    lines += read_lines(reads)
    return lines


def _title(rows: Sequence[SpanExplanation], sessions: Mapping[str | None, Rollup]) -> Line:
    traces = {row.span.trace_id: None for row in rows}
    known = [name for name in sessions if name is not None]
    trace = (
        f"trace {next(iter(traces)):032x}" if len(traces) == 1 else counted(len(traces), "trace")
    )
    session = f", session {short(known[0], _MAX_ID)}" if len(known) == len(sessions) == 1 else ""
    return [(padded(f"{counted(len(rows), 'span')} of {trace}{session}", WIDTH), BOLD)]


def _header(columns: Columns) -> Line:
    text = f"{'span':>8}{'':<{_NAME - 8}}{'kind':<{_KIND}}what counts, or why not"
    return [(f"{text:<{WIDTH - columns.cost}}{'USD':>{columns.cost}}", DIM)]


def _marks(read: ReadNote | None, price: int | None) -> str:
    return f"{read.letter if read is not None else ''}{'' if price is None else price}"


# -- spans ------------------------------------------------------------------------------------


def _row(row: SpanExplanation, columns: Columns, note: str) -> Iterator[Line]:
    verdict = row.verdict
    style = DIM if verdict is not None and not verdict.counts else PLAIN
    name = f"{row.number:>3} {_glyphs(row.branch.lasts)}{printable(row.name[:MAX_CHARS])}"
    cost, cost_style = _cost(row, columns)
    room = WIDTH - _NAME - _KIND - _NOTE - columns.cost * bool(cost)
    first, *rest = wrapped(_texts(row, columns), room - 1) or [""]
    yield [
        (padded(name, _NAME - 1) + " ", style),
        (f"{row.kind:<{_KIND}}", DIM),
        (padded(first, room), style),
        (f"{note:>{_NOTE}}", DIM),
        (cost, cost_style),
    ]
    for text in rest:
        yield [(f"{'':<{_NAME + _KIND}}{text}", style)]


def _glyphs(lasts: Sequence[bool]) -> str:
    if not lasts:
        return ""
    return "".join("  " if last else "│ " for last in lasts[:-1]) + ("└ " if lasts[-1] else "├ ")


def _cost(row: SpanExplanation, columns: Columns) -> tuple[str, str]:
    verdict = row.verdict
    if verdict is None or verdict.cost_source in {None, ELSEWHERE}:
        return "", PLAIN
    if verdict.cost_pusd is None:
        return f"{UNKNOWN:>{columns.cost}}", WARN
    return columns.usd(verdict.cost_pusd), PLAIN


def _texts(row: SpanExplanation, columns: Columns) -> Sequence[str]:
    """Return what is said of a span."""
    reading, verdict = row.reading, row.verdict
    name = reading.tool_name or reading.agent_name
    is_call = reading.kind in CALLS
    texts = [short(name, _MAX_ID)] if name and not is_call and name not in row.name else []
    if verdict is not None:
        if verdict.usage is not None:
            texts.append(_figures(verdict.usage))
        elif verdict.counts and verdict.rule is None and verdict.num_model_events:
            texts.append("a call without figures")
        if verdict.cost_source == ELSEWHERE and verdict.rule is None:
            texts.append("its cost is in another call's")
        if verdict.rule is not None:
            texts.append(verdict.why(columns.number(verdict.other)))
        texts += [
            f"{', '.join(gave)} from {columns.number(key)}"
            for key, gave in verdict.has_from[:MAX_NOTES]
            if gave
        ]
    if reading.first_token_ns is not None:
        texts.append(f"first token {duration(reading.first_token_ns / _MS)}")
    if reading.error is not None:
        texts.append(f"failed: {short(reading.error, _MAX_ID)}")
    if reading.ignored:
        reasons = dict.fromkeys(reason.replace("_", " ") for reason in reading.ignored)
        texts.append(f"ignored: {', '.join(reasons)}")
    return texts


def _figures(usage: Usage) -> str:
    inputs = [
        ("cached", usage.cache_read_tokens),
        ("written", usage.cache_write_tokens),
        ("audio", usage.audio_prompt_tokens),
        ("images", usage.image_prompt_tokens),
    ]
    outputs = [
        ("reasoning", usage.reasoning_tokens),
        ("audio", usage.audio_completion_tokens),
        ("images", usage.image_completion_tokens),
        ("searches", usage.web_searches),
    ]
    prompt, completion = _side(usage.prompt_tokens, inputs), _side(usage.completion_tokens, outputs)
    return f"{prompt} in, {completion} out"


def _side(tokens: int | None, parts: Sequence[tuple[str, int | None]]) -> str:
    words = [f"{number:,} {word}" for word, number in parts if number]
    count = "?" if tokens is None else f"{tokens:,}"
    return f"{count} ({', '.join(words)})" if words else count


def _more(rows: Sequence[SpanExplanation], columns: Columns, *, below: bool = False) -> Line:
    cost = sum(row.verdict.cost_pusd or 0 for row in rows if row.verdict is not None)
    number = counted(len(rows), "span" if below else "more span")
    glyphs = _glyphs((*rows[0].branch.lasts[:-1], True))
    text = f"    {glyphs}... {number} below" if below else f"    ... and {number}"
    return [(f"{text:<{WIDTH - columns.cost}}{columns.usd(cost)}", PLAIN)]


def _sum(what: str, rollup: Rollup, columns: Columns, style: str) -> Iterator[Line]:
    figures = Usage(
        rollup.prompt_tokens, rollup.completion_tokens, rollup.total_tokens,
        rollup.cache_read_tokens, rollup.cache_write_tokens,
        reasoning_tokens=rollup.reasoning_tokens,
    )  # fmt: skip
    text = f"{what} {counted(rollup.num_model_events, 'model call')}"
    if rollup.total_tokens is not None:
        text += f": {_figures(figures)}, {rollup.total_tokens:,} tokens"
    cost = columns.usd(rollup.cost_pusd)
    if rollup.cost_usd is None:
        cost = f"{UNKNOWN:>{columns.cost}}"
    first, *rest = wrapped([text], WIDTH - columns.cost - 5)
    yield [(f"    {first:<{WIDTH - columns.cost - 4}}{cost}", style)]
    yield from ([(f"    {line}", style)] for line in rest)
    if rollup.num_unpriced_events:
        calls = counted(rollup.num_unpriced_events, "call")
        yield [(f"    without {calls} of unknown cost", WARN)]


def _session_lines(sessions: Mapping[str | None, Rollup], columns: Columns) -> Iterator[Line]:
    """Yield the sum of each session, if there are several."""
    if len(sessions) < 2:  # noqa: PLR2004 -- several
        return
    for name, rollup in list(sessions.items())[:MAX_NOTES]:
        session = "no session" if name is None else f"session {short(name, _MAX_ID)}"
        text = padded(f"    of which {session}", WIDTH - columns.cost)
        yield [(f"{text}{columns.usd(rollup.cost_pusd)}", PLAIN)]
    if len(sessions) > MAX_NOTES:
        yield [(f"    ... and {counted(len(sessions) - MAX_NOTES, 'more session')}", DIM)]
