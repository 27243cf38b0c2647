"""The page in Chromium, where it and Playwright are installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from otel_session_agg import analysis
from otel_session_agg._history.history import History
from tests.support.browser import IN_BROWSER, browser

__all__ = ["browser"]  # a fixture

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def address(sessions: History, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where a report on two weeks is."""
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    analysis.report(sessions, path)
    return path.as_uri()


class Opened:
    """A page that is open, and what it did beside showing itself."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.page = browser.new_page(**options)
        self.events: list[str] = []
        self.page.on("console", lambda message: self.events.append(message.text))
        self.page.on("pageerror", lambda error: self.events.append(str(error)))
        self.page.on("dialog", lambda dialog: self.events.append(dialog.message))
        self.page.on("request", lambda request: self.events.append(request.url) if request.url != address else None)
        self.page.goto(address)
        self.page.wait_for_selector("#calendar .main-svg")

    def __call__(self, script: str) -> Any:
        """What a script returns."""
        return self.page.evaluate(script)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280, 2000])
def test_fits(browser: Any, address: str, theme: str, width: int) -> None:
    """In both themes and at any width: all charts are drawn, nothing sticks out, nothing is asked for or complained of."""
    opened = Opened(browser, address, viewport={"width": width, "height": 900}, color_scheme=theme)
    assert (6, theme, width) == tuple(opened(
        "[document.querySelectorAll('.chart .plot-container').length, document.documentElement.dataset.theme,"
        " document.documentElement.scrollWidth]"
    ))  # fmt: skip
    assert [] == [event for event in opened.events if not event.startswith(("data:", "blob:"))]


def test_keyboard(browser: Any, address: str) -> None:
    """A slash leads to the search, which finds words of a row; tabs lead on to what can be opened."""
    opened = Opened(browser, address)
    opened.page.keyboard.press("/")
    opened.page.keyboard.type("chat-0001")
    assert (1, "1 of 400 rows match") == tuple(
        opened("[document.getElementById('rows').rows.length, document.getElementById('found').innerText]")
    )
    opened.page.focus("#rows .open")
    opened.page.keyboard.press("Enter")
    assert "true" == opened("document.activeElement.getAttribute('aria-expanded')")
    assert opened.page.inner_text("tr.detail").startswith("model")
    opened.page.focus("#search")
    opened.page.keyboard.press("Escape")
    assert "50 of 400 rows shown" == opened.page.inner_text("#found")


def test_sort(browser: Any, address: str) -> None:
    """A click on the head of a column sorts by its values, the largest first, and again the other way."""
    opened = Opened(browser, address)
    tokens = "[...document.getElementById('rows').rows].map(row => Number(row.cells[9].dataset.value))"
    button = opened.page.locator("#sessions th button", has_text="Tokens")
    for is_reverse in (True, False):
        button.click()
        found = opened(tokens)
        assert sorted(found, reverse=is_reverse) == found
        assert len(set(found)) > 1


def test_choice_and_theme(browser: Any, address: str) -> None:
    """Another key shows other bars and figures; the button changes the theme of page and charts."""
    opened = Opened(browser, address, color_scheme="light")
    opened.page.locator("[data-chart='by-name'] button", has_text="service.name").click()
    assert "checkout-bot" in opened("document.getElementById('by-name').querySelector('.yaxislayer-above').textContent")
    color = "getComputedStyle(document.querySelector('#by-name .ytick text')).fill"
    before = opened(color)
    opened.page.click("#theme")
    assert (True, "dark") == (before != opened(color), opened("document.documentElement.dataset.theme"))


def test_outlier_opens(browser: Any, address: str) -> None:
    """A click on an outlier in a chart opens the row of its session."""
    opened = Opened(browser, address)
    session = opened("(chart => (chart.emit('plotly_click', {points: [{customdata: chart.data[1].customdata[0]}]}), chart.data[1].customdata[0][0]))"
                     "(document.getElementById('against'))")  # fmt: skip
    assert session == opened("document.activeElement.closest('tr').dataset.session")
    assert 1 == opened("document.querySelectorAll('tr.detail').length")


def test_print(browser: Any, address: str) -> None:
    """It can be printed."""
    opened = Opened(browser, address, color_scheme="dark")
    assert opened.page.pdf(print_background=True).startswith(b"%PDF")
    assert [] == [event for event in opened.events if not event.startswith(("data:", "blob:"))]
