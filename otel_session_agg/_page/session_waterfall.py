"""The waterfall of a trace: a row for each span, with its verdict, its cost and when it ran."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dash import html

from otel_session_agg._page.going import go_button, tabs, whole_number
from otel_session_agg._page.parts import aria, chip, message, panel, percent, scrolled, text
from otel_session_agg._untrusted.formatting import duration, short
from otel_session_agg._views.address import State
from otel_session_agg._views.session import SessionView, Turn
from otel_session_agg._views.session_spans import SpanPage, SpanRow, page_of
from otel_session_agg.analysis._numbers import exact, many, money

__all__ = ["MODES", "PAGE", "closed_in", "turns_panel", "waterfall"]

PAGE = 30
"""Rows that are on the page at once."""
MODES = {"explain": "explain", "tree": "tree", "raw": "raw"}
_KINDS = {
    "model": "model", "tool": "tool", "agent": "agent", "embedding": "model", "retriever": "tool",
    "reranker": "tool", "chain": "agent", "call": "model",
}  # fmt: skip
"""The colour of each kind that has one."""
_MAX_CLOSED = 40
_MAX_DEPTH = 16
"""Levels that are indented; deeper ones stand at the last."""
_TICKS = 5
_TEXTS = 2
"""The last column of turns that is no figure."""


def closed_in(state: State) -> set[str]:
    """Return the spans whose rows below are not shown."""
    return set(state.more.get("closed", "").split(".")[:_MAX_CLOSED]) - {""}


def waterfall(
    state: State, view: SessionView, number: int, rows: Sequence[SpanRow], *, chosen: str | None
) -> Any:
    """Return the panel of one trace; ``number``: its place in the session, from 1."""
    turn = view.turns[number - 1]
    mode = state.more.get("mode", "explain")
    head = html.Div(
        [
            html.H2(f"Trace {number} of {len(view.turns)} · {turn.start:%Y-%m-%d %H:%M:%S} UTC"),
            html.Div(
                [*_steps(state, view, number), tabs("mode", MODES, mode, state, "What is shown")],
                className="row-of",
            ),
        ],
        className="panel-head",
    )
    if not rows:
        body = message("No spans", "Neither spans nor calls of this trace are kept.")
        return html.Section([head, body], className="panel")
    page = page_of(rows, whole_number(state.more.get("at"), 0), PAGE, closed_in(state))
    span_ms = max([row.end_ms for row in rows] + [0.001])
    lines = [_row(state, row, span_ms, mode, is_chosen=row.span_id == chosen) for row in page.rows]
    classes = f"waterfall {'plain' if mode == 'tree' else ''}"
    return html.Section(
        [
            head,
            html.Div(
                [*lines, _axis(span_ms)], className=classes, role="table",
                **aria(label="Spans of the trace"),
            ),
            _pages(state, page),
        ],
        className="panel",
    )  # fmt: skip


def _steps(state: State, view: SessionView, number: int) -> Iterator[Any]:
    """Yield the buttons to the trace before and the one after."""
    for name, shown, to in (("before", "◀", number - 1), ("after", "▶", number + 1)):
        if 1 <= to <= len(view.turns):
            other = state.with_more(trace=str(to), at=None, span=None, closed=None)
            yield go_button(f"trace-{name}", shown, other, "step", **aria(label=f"Trace {to}"))


def _pages(state: State, page: SpanPage) -> Any:
    if page.visible <= PAGE and page.visible == page.total:
        return None
    hidden = page.total - page.visible
    said = f"{page.first + 1:,} to {page.first + len(page.rows):,} of {page.visible:,}"
    more = [f"{many(hidden, 'span')} folded"] if hidden else []
    buttons = [
        go_button(f"page-{shown}", shown, state.with_more(at=str(max(at, 0))), "step")
        for shown, at, is_there in (
            ("Before", page.first - PAGE, page.first > 0),
            ("Next", page.first + PAGE, page.first + PAGE < page.visible),
        )
        if is_there
    ]
    return html.Div([html.Span(" · ".join([said, *more])), *buttons], className="pages")


# -- rows ------------------------------------------------------------------------------------------


def _row(state: State, row: SpanRow, span_ms: float, mode: str, *, is_chosen: bool) -> Any:
    kind = _KINDS.get(row.kind, "span")
    is_left_out = row.is_left_out and mode != "tree"
    name = html.Div(
        [
            _fold(state, row),
            go_button(
                f"open-{row.span_id}",
                text(short(row.name or "(no name)", 200)),
                state.with_more(span=row.span_id),
                "span-name",
                title="Show its messages and attributes",
            ),
            html.Span(text(short(row.kind, 20)), className=f"kind {kind}"),
        ],
        className="name",
        role="cell",
        style={"paddingLeft": f"{min(row.depth, _MAX_DEPTH) * 14}px"},
    )
    left, width = 100 * row.start_ms / span_ms, 100 * (row.end_ms - row.start_ms) / span_ms
    bar = html.Div(
        html.Span(
            className=" ".join(["bar", kind, *_marks(row, is_left_out=is_left_out)]),
            style={"left": percent(left), "width": f"max({percent(max(width, 0))}, 3px)"},
        ),
        className="track",
        role="cell",
        title=f"{duration(row.start_ms)} to {duration(row.end_ms)}:"
        f" {duration(row.end_ms - row.start_ms)}",
    )
    note = row.span_id if mode == "raw" else _note(row, with_verdict=mode == "explain")
    return html.Div(
        [
            name,
            html.Div(note, className=f"said{' bad-text' if row.failed else ''}", role="cell"),
            html.Div(_cost(row), className="cost", role="cell"),
            bar,
        ],
        className=f"line{' chosen' if is_chosen else ''}{' left-out' if is_left_out else ''}",
        role="row",
    )


def _marks(row: SpanRow, *, is_left_out: bool) -> Iterator[str]:
    if is_left_out:
        yield "hatched"
    if row.failed:
        yield "bad"


def _fold(state: State, row: SpanRow) -> Any:
    if not row.below:
        return html.Span(className="fold")
    closed = closed_in(state)
    is_closed = row.span_id in closed
    others = sorted(closed - {row.span_id} if is_closed else closed | {row.span_id})
    return go_button(
        f"fold-{row.span_id}",
        "▸" if is_closed else "▾",
        state.with_more(closed=".".join(others[:_MAX_CLOSED]) or None),
        "fold",
        title=f"{many(row.below, 'span')} below",
        **aria(expanded=str(not is_closed).lower(), label=f"{many(row.below, 'span')} below"),
    )


def _note(row: SpanRow, *, with_verdict: bool) -> str:
    """Return what is said of a span."""
    call = row.call
    words: list[str] = []
    if call is not None and with_verdict and call.why:
        words.append(text(short(call.why, 200)))
    if call is not None and (call.counts or not with_verdict) and call.prompt_tokens is not None:
        tokens = f"{call.prompt_tokens:,} in, {call.completion_tokens or 0:,} out"
        cached = call.cache_read_tokens
        words.append(f"{tokens}, {cached:,} cached" if cached else tokens)
    if call is not None and call.is_foreign:
        words.append("in another session's totals")
    if row.failed:
        words.append(f"failed: {text(short(row.status, 100))}" if row.status else "failed")
    return "; ".join(words)


def _cost(row: SpanRow) -> Any:
    call = row.call
    if call is None:
        return ""
    if row.is_left_out:
        return html.Em("not counted")
    if call.unpriced:
        return chip("unknown", "warn", "It cost something, but it is not known how much")
    if call.cost is None:
        return ""
    return html.Span(money(call.cost), title=f"{call.cost:f} USD")


def _axis(span_ms: float) -> Any:
    """Return the marks below the bars."""
    step = span_ms / (_TICKS - 1)
    marks = [
        html.Span(
            "0" if not at else duration(at * step),
            style={"left": percent(100 * at / (_TICKS - 1))},
        )
        for at in range(_TICKS)
    ]
    return html.Div([*(html.Div() for _ in range(3)), html.Div(marks, className="axis")],
                    className="line axis-line", **aria(hidden="true"))  # fmt: skip


def _waited(turn: Turn) -> str:
    return "" if turn.waited_ms is None else duration(turn.waited_ms)


def turns_panel(state: State, view: SessionView, number: int, most: int = 200) -> Any:
    """Return the traces of a session in a table."""
    turns = view.turns[:most]
    waited, failed = any(turn.waited_ms for turn in turns), any(turn.failed for turn in turns)
    heads = [
        *("Turn", "Trace", "Started, UTC", "Duration"),
        *(["Waited before"] if waited else []),
        *("Calls", "Tokens", "Cost"),
        *(["Errors"] if failed else []),
    ]
    rows = [
        html.Tr(
            [
                html.Td(
                    go_button(
                        f"turn-{turn.number}", str(turn.number),
                        state.with_more(trace=str(turn.number), at=None, span=None, closed=None),
                        "step",
                    )
                ),
                html.Td(text(short(turn.name or "", 120))),
                html.Td(f"{turn.start:%H:%M:%S}", title=f"{turn.start:%Y-%m-%d %H:%M:%S} UTC"),
                html.Td(duration(turn.duration_ms), className="num"),
                *([html.Td(_waited(turn), className="num")] if waited else []),
                html.Td(f"{turn.calls:,}", className="num"),
                html.Td("" if turn.tokens is None else f"{turn.tokens:,}", className="num"),
                html.Td(
                    "unknown" if turn.cost is None else money(turn.cost), className="num",
                    title="" if turn.cost is None else f"{exact(turn.cost)} USD",
                ),
                *([html.Td(str(turn.failed or ""), className="num bad-text")] if failed else []),
            ],
            className="chosen" if turn.number == number else "",
        )
        for turn in turns
    ]  # fmt: skip
    head = html.Thead(
        html.Tr(
            [
                html.Th(one, scope="col", className="num" if at > _TEXTS else "")
                for at, one in enumerate(heads)
            ]
        )
    )
    note = (
        f"the first {most} of {view.traces:,}" if view.traces > most else many(view.traces, "trace")
    )
    table = html.Table([head, html.Tbody(rows)], className="plain turns")
    return panel("Turns", note, scrolled("Turns", table, "scroll tall"))
