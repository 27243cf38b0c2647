"""The analyses that the page on ``serve`` has in a table: what is clicked for each, and what is there then.

They begin on the first page of ``demo --serve``.  Tests click so, and `serve_pictures` does before it takes a picture.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.support.browser import SECONDS, playwright, wait_for

MOST_CLICKS = 5
_CLICK_MS = 20_000


class Click(NamedTuple):
    """A click on what has a text, in itself or beside it, and what is typed there."""

    on: str
    typed: str = ""
    """Then Enter is pressed, where something is typed."""

    @property
    def shown(self) -> str:
        """As the table has it."""
        return f"*{self.on}*" + (f" `{self.typed}`" if self.typed else "")


class Analysis(NamedTuple):
    """One of them."""

    what: str
    clicks: Sequence[Click]
    address: str
    """Where the clicks lead."""
    is_there: str
    """A selector of what the analysis found."""
    height: int = 800
    """Of the picture, before it is made smaller."""
    at: str | None = None
    """What the picture begins with; ``None``: it shows the page from its top."""

    @property
    def row(self) -> str:
        """The row of the table, without the picture."""
        clicks = ", ".join(click.shown for click in self.clicks) or "none"
        return f"| {self.what} | {clicks} | `{self.address}` |"


def _clicks(*given: str | Click) -> tuple[Click, ...]:
    return tuple(one if isinstance(one, Click) else Click(one) for one in given)


def _chart(title: str) -> tuple[Click, ...]:
    return _clicks("Charts", title)


_TIME = ("last 14 days", "last 7 days")
_ROWS = "#chart-table tbody tr"
_PREVIEW = "#alerts-preview td"

ANALYSES = {
    "trends": Analysis(
        "trends: cost, tokens, sessions, duration, errors, with the change against the days before",
        _clicks(*_TIME), "/overview?from=7d", "[aria-label='Cost / session'] .chip:has-text('%')", 900,
    ),
    "overview": Analysis(
        "the same by segment: a service, a version, a customer",
        _clicks("group by model", "group by service.name"), "/overview?by=service.name",
        ".chart:has-text('shop-assistant') .main-svg", 900,
    ),
    "filtered": Analysis(
        "of some sessions only",
        _clicks(Click("Filter", "service.version = 2.4.0 and errors > 0")), "/overview?where=service.version+%3D+2.4.0+and+errors+%3E+0",
        "[aria-label=Errors] .value:has-text('100.0%')", 900,
    ),
    "outliers": Analysis(
        "outliers, each with the reason, the dearest first",
        _clicks("Sessions", "group by model", "group by service.name"), "/sessions?by=service.name",
        ".ag-cell[col-id=flag]:has-text('cost')", 620,
    ),
    "session": Analysis(
        "what one of them did: its traces, which calls count, at which price, where the time went, its messages",
        _clicks("Sessions", "chat-loop"), "/session?id=chat-loop", "#session-why tfoot:has-text('2.959')", 900,
    ),
    "percentile": Analysis(
        "a percentile by group over time",
        _chart("p95 duration of a model call, by model"), "/charts?scope=calls&agg=p95&metric=duration&group=model", _ROWS,
    ),
    "average-cost": Analysis(
        "average cost of a session, by user", _chart("Average cost of a session, by user"), "/charts?agg=average&group=user", _ROWS,
    ),
    "traces": Analysis(
        "traces of a session", _chart("Average traces of a session"), "/charts?agg=average&metric=traces", "#chart-table tfoot tr",
    ),
    "tokens": Analysis(
        "tokens of a session", _chart("Average tokens of a session"), "/charts?agg=average&metric=tokens", "#chart-table tfoot tr",
    ),
    "durations": Analysis(
        "how long sessions take", _chart("p95 duration of a session"), "/charts?agg=p95&metric=duration", "#chart-table tfoot tr",
    ),
    "failing-steps": Analysis(
        "which steps fail", _chart("Number of events where failed, by name"),
        "/charts?scope=events&agg=count&metric=failed&group=name&filter=failed", f"{_ROWS}:has-text('pay_back')",
    ),
    "versions": Analysis(
        "patterns over sessions: what differs between two versions, by how much, and which model, agent or tool drives it",
        _clicks("Compare", "Segments, versions", "Second", "2.4.0"), "/compare?mode=segment&b=2.4.0",
        "#compare-drivers tbody:has-text('gpt-4o')", 1120,
    ),
    "tools": Analysis(
        "the same by user, model, tool or agent", _clicks("Tools"), "/tools", "td:has-text('pay_back')", 700,
    ),
    "tool-sessions": Analysis(
        "the sessions that called a tool", _clicks("Tools", "pay_back"), "/sessions?where=tools+%3D+%27pay_back%27",
        ".ag-cell[col-id=cost]:has-text('.')", 620,
    ),
    "customers": Analysis(
        "which customer costs most, in all and for each session",
        _clicks("Segments", "group by service.name", "group by tenant.id"), "/segments?by=tenant.id", "td:has-text('west')", 620,
    ),
    "fired": Analysis(
        "alerts: what fired, why, and for which sessions", _clicks("Alerts"), "/alerts", "td:has-text('chat-loop')", 1000,
    ),
    "alert-session": Analysis(
        "a new alert on each session, tried on the last 7 days before it is kept",
        _clicks("Alerts", Click("Condition", "cost > 0.50"), "Preview on 7 days"), "/alerts", _PREVIEW, 560, "#alerts-form",
    ),
    "alert-aggregate": Analysis(
        "... on a figure of many sessions",
        _clicks("Alerts", "session: each by itself", "aggregate: a figure of many", Click("Condition", "p95(duration) > 8 min"),
                "Preview on 7 days"),
        "/alerts", _PREVIEW, 560, "#alerts-form",
    ),
    "alert-drift": Analysis(
        "... on drift against the time before",
        _clicks("Alerts", "session: each by itself", "drift: against the time before", Click("Condition", "avg(cost) > +50 %"),
                "Preview on 7 days"),
        "/alerts", _PREVIEW, 560, "#alerts-form",
    ),
    "live": Analysis(
        "what runs now, and how much of its budget it has used", _clicks("Live"), "/live", "#live td:has-text('live-')", 620,
    ),
}  # fmt: skip
"""By the names of their pictures."""

_FIND = """text => [...document.querySelectorAll('a[href], button, summary, input, [role=option]')].find((one) =>
    one.getClientRects().length && (one.innerText.trim() === text || one.value === text || one.ariaLabel === text
    || [...(one.labels || [])].some((label) => label.innerText.trim() === text)))"""
"""Finds what is clicked: by its text, its value, or its label."""
READY = "document.querySelector('#view > *') && !document.querySelector('.loading')"


def opened(browser: Any, origin: str, **options: Any) -> Any:
    """The first page."""
    page = browser.new_page(**options)
    page.set_default_timeout(1000 * SECONDS)
    page.goto(origin)
    wait_for(page, READY)
    return page


def carried_out(page: Any, analysis: Analysis) -> None:
    """Do an analysis with the mouse, from the first page on, until what it found is there."""
    for click in analysis.clicks:
        _clicked(page, click)
    page.wait_for_selector(analysis.is_there)
    wait_for(page, READY)


def _clicked(page: Any, click: Click) -> None:
    until = time.monotonic() + SECONDS
    while not _is_clicked(page, click.on):
        assert time.monotonic() < until, click
        page.wait_for_timeout(50)
    if click.typed:
        page.keyboard.type(click.typed)
        page.keyboard.press("Enter")
    wait_for(page, READY)


def _is_clicked(page: Any, text: str) -> bool:
    """Click on what has a text, if it is there and stays while it is clicked: what is shown again is another element."""
    found = page.evaluate_handle(_FIND, text).as_element()
    if found is None:
        return False
    try:
        found.click(timeout=_CLICK_MS)
    except playwright.Error:
        return False
    return True


def address_of(page: Any) -> str:
    """The address that a page is at, from the slash on."""
    parts = urlsplit(page.url)
    return (parts.path if parts.path != "/" else "/overview") + (f"?{parts.query}" if parts.query else "")
