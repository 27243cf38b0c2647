"""Parts of the view of a session: cards, why it costs what it costs, where its time went."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from dash import html

from otel_session_agg._page.parts import aria, chip, panel, percent, scrolled, text
from otel_session_agg._untrusted.formatting import duration, short
from otel_session_agg._views.session import SessionView, TimePart
from otel_session_agg._views.session_costs import CostLine, WhyCost
from otel_session_agg._views.session_messages import RawValue, SpanDetail
from otel_session_agg.analysis._numbers import exact, grouped, many, money, share
from otel_session_agg.analysis._outliers import times_text

__all__ = ["cards", "detail_panel", "split_panel", "why_panel"]

_PARTS = {
    "model": "model",
    "tool": "tool",
    "agent overhead": "agent",
    "waiting for the user": "span",
}
"""The colour of each part of the time."""
MAX_LINES = 200
"""Lines of a cost that are shown by themselves; of more, the last one is all others."""
_TIMES = "\N{MULTIPLICATION SIGN}"
_ROLES = ("system", "user", "assistant", "tool")


def cards(view: SessionView) -> Any:
    """Return the totals of a session."""
    times = {
        name: f"{times_text(one.times)} median"
        for name, one in (view.context.by_metric.items() if view.context else ())
        if one.times is not None
    }
    outliers = {one.metric for one in view.context.outliers} if view.context else set()

    def beside(metric: str) -> list[Any]:
        if metric not in times or view.context is None:
            return []
        typical = view.context.by_metric[metric]
        like = (
            f" with {view.context.segment} = {view.context.value}" if view.context.segment else ""
        )
        of = (
            "in the time and filter that are shown"
            if view.context.days is None
            else f"that began within {view.context.days} days"
        )
        title = f"Of {typical.sessions:,} sessions{like} {of}"
        return [chip(times[metric], "bad" if metric in outliers else "plain", text(short(title)))]

    cost = [*beside("cost")]
    if view.unpriced:
        cost.append(
            chip(f"{many(view.unpriced, 'call')} unknown", "warn", "Their cost is in no sum here")
        )
    cached = view.cache_read_tokens
    tokens = [chip(f"{cached:,} cached", "good")] if cached else []
    merged = [chip(f"{many(view.merged, 'report')} merged", "good")] if view.merged else []
    tools = [chip(f"{many(view.errors, 'error')}", "bad")] if view.errors else []
    return html.Div(
        [
            _card(
                "Cost",
                money(view.cost),
                cost,
                "" if view.cost is None else f"{exact(view.cost)} USD",
            ),
            _card("Tokens", _count(view.tokens), [*tokens, *beside("tokens")], _sides(view)),
            _card("Model calls", _count(view.model_events), merged, ", ".join(view.models)),
            _card("Duration", _time(view.duration), [chip("wall"), *beside("duration")]),
            _card(
                "Model time",
                _time(view.model_duration) if view.model_events else "none",
                _share(view.model_duration, view),
            ),
            _card(
                "Tool time",
                _time(view.tool_duration) if view.tool_events else "none",
                tools,
                f"{view.tool_events:,} calls",
            ),
        ],
        className="cards",
    )


def _card(label: str, value: str, chips: Sequence[Any], about: str = "") -> Any:
    return html.Div(
        [
            html.Div(label, className="label"),
            html.Div(value, className="value"),
            html.Div(list(chips), className="chips") if chips else None,
            html.Div(text(short(about, 120)), className="about"),
        ],
        className="card",
        role="group",
        **aria(label=label),
    )


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _time(ms: float | None) -> str:
    return "unknown" if ms is None else duration(ms)


def _sides(view: SessionView) -> str:
    if view.prompt_tokens is None:
        return ""
    return f"{view.prompt_tokens:,} in, {view.completion_tokens or 0:,} out"


def _share(ms: float | None, view: SessionView) -> list[Any]:
    if not ms or not view.duration:
        return []
    return [chip(share(round(ms), round(view.duration)), "good", "Of the duration")]


# -- why -------------------------------------------------------------------------------------------


def why_panel(why: WhyCost | None) -> Any:
    """Return the lines that add up to the cost of a session."""
    if why is None:
        return panel("Why this cost", "", html.P("There is no such session.", className="dead"))
    shown = _shown(why.lines)
    decimals = _decimals([*(line.cost for line in shown), why.cost])
    rows = [_cost_row(line, decimals) for line in shown]
    rows += [
        html.Tr(
            [
                html.Td(
                    [f"left out: {text(short(', '.join(one.names), 120))} ",
                     html.Span(text(one.why), className="dead")],
                    colSpan=3,
                ),
                html.Td(f"{one.number} {_TIMES}", className="num dead"),
            ]
        )
        for one in why.left_out
    ]  # fmt: skip
    total = "unknown" if why.cost is None else grouped(why.cost, decimals)
    foot = html.Tfoot(html.Tr([html.Td("cost of the session", colSpan=3),
                               html.Td(total, className="num")]))  # fmt: skip
    heads = ("Model · part", "Number", "Rate, USD", "USD")
    head = html.Thead(
        html.Tr(
            [
                html.Th(one, scope="col", className="num" if at else "")
                for at, one in enumerate(heads)
            ]
        )
    )
    note = "adds up exactly" if not why.unpriced else f"without {many(why.unpriced, 'call')}"
    table = html.Table([head, html.Tbody(rows), foot], className="plain mono-figures")
    return panel("Why this cost", note, scrolled("Why this cost", table, "scroll tall"))


def _decimals(costs: Sequence[Decimal | None]) -> int:
    """Return how many decimals the longest of exact amounts has: below each other, all have."""
    texts = [exact(cost) for cost in costs if cost is not None]
    return max((len(one.partition(".")[2]) for one in texts), default=0)


def _shown(lines: Sequence[CostLine]) -> list[CostLine]:
    """Return the lines that cost most, and one for all others, with which they still add up."""
    if len(lines) <= MAX_LINES:
        return list(lines)
    others = lines[MAX_LINES - 1 :]
    costs = [line.cost for line in others if line.cost is not None]
    unknown = len(others) - len(costs)
    return [
        *lines[: MAX_LINES - 1],
        CostLine(
            None,
            f"{len(others):,} further lines",
            None,
            None,
            sum(line.calls for line in others),
            sum(costs, Decimal(0)) if costs else None,
            f"the cost of {many(unknown, 'line')} of them is unknown" if unknown else "",
        ),
    ]


def _cost_row(line: CostLine, decimals: int) -> Any:
    name = f"{line.model} · {line.part}" if line.model else line.part
    rate = "" if line.rate is None else f"{exact(line.rate)} {'each' if line.is_each else '/ M'}"
    return html.Tr(
        [
            html.Td(
                [
                    text(short(name, 120)),
                    html.Div(text(short(line.origin, 300)), className="dead small"),
                ]
            ),
            html.Td("" if line.number is None else f"{line.number:,}", className="num"),
            html.Td(rate, className="num"),
            html.Td(
                chip("unknown", "warn") if line.cost is None else grouped(line.cost, decimals),
                className="num",
            ),
        ],
        title=many(line.calls, "call"),
    )


# -- time ------------------------------------------------------------------------------------------


def split_panel(parts: Sequence[TimePart]) -> Any:
    """Return where the time went, in parts that add up to the duration."""
    if not parts:
        return panel("Where the time went", "", html.P("It is not known.", className="dead"))
    whole = sum(part.ms for part in parts) or 1.0
    rows = [
        html.Div(
            [
                html.Span(part.name, className="of"),
                html.Div(
                    html.Span(
                        className=f"bar {_PARTS[part.name]}",
                        style={"left": "0", "width": percent(100 * part.ms / whole)},
                    ),
                    className="track",
                ),
                html.Span(
                    f"{duration(part.ms)} · {part.ms / whole:.0%}" if part.ms else "none",
                    className="num",
                ),
            ],
            className="split-line",
        )
        for part in parts
    ]
    return panel("Where the time went", duration(whole), html.Div(rows, className="split"))


# -- one span --------------------------------------------------------------------------------------


def detail_panel(detail: SpanDetail | None, links: Sequence[Any], *, shows_content: bool) -> Any:
    """Return the messages and attributes of one span, all of it as plain text."""
    if detail is None:
        said = "Choose a span: its messages and attributes are shown where they are kept."
        return panel("Messages", "", html.P(said))
    note = f"{detail.kind} · {duration(detail.duration_ms)}"
    messages: list[Any] = [
        html.Div(
            [
                html.Div(text(one.role), className="role", title=text(one.source)),
                html.Pre(one.text, className="said-text"),
            ],
            className=f"said-by {one.role if one.role in _ROLES else 'other'}",
        )
        for one in (detail.messages if shows_content else ())
    ]
    if not messages:
        why = "None were captured in this span." if shows_content else "Content is hidden."
        messages = [html.P(why, className="dead")]
    facts = [
        RawValue("trace id", detail.trace_id),
        RawValue("span id", detail.span_id),
        RawValue("parent", detail.parent_id or "none"),
        RawValue("span kind", detail.span_kind or ""),
        RawValue("scope", detail.scope),
        RawValue("start", f"{detail.start:%Y-%m-%d %H:%M:%S.%f} UTC"),
        RawValue("status", detail.status or ("failed" if detail.failed else "")),
        RawValue("session", detail.session),
    ]
    given = [("Span", facts)]
    if shows_content:
        given += [("Attributes", detail.attributes), ("Resource", detail.resource)]
        given += [
            (f"Event {text(short(name, 80))}, after {duration(at_ms)}", values)
            for name, at_ms, values in detail.events
        ]
    raw = html.Details(
        [html.Summary("Raw attributes"), *(_values(title, values) for title, values in given)],
        className="raw",
    )
    body = html.Div([html.Div(links, className="row-of") if links else None, *messages, raw])
    return panel(text(short(f"Messages of {detail.name}", 160)), text(note), body)


def _values(title: str, values: Sequence[RawValue]) -> Any:
    rows = [
        html.Tr([html.Th(text(one.key), scope="row"), html.Td(html.Pre(one.value))])
        for one in values
    ]
    return html.Div([html.H3(title), html.Table(html.Tbody(rows), className="plain raw-values")])
