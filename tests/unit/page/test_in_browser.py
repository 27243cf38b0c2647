"""The page in Chromium, where it and Playwright are installed.

With ``AXE_CORE`` set to the script of axe-core, accessibility is checked, too.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from otel_session_agg._page.overview_charts import CHARTS
from otel_session_agg._page.services import Services
from tests.support.browser import IN_BROWSER, SECONDS, browser, wait_for

__all__ = ["browser"]  # a fixture

pytestmark = IN_BROWSER
VIEWS = ["overview", "sessions", "segments", "users", "models", "tools", "agents", "live"]
AXE = os.environ.get("AXE_CORE")
READY = """document.querySelector('#view > *') && !document.querySelector('.loading')
    && (!document.getElementById('grid') || document.querySelector('#grid .ag-header-cell'))"""
HARMLESS = "AG Grid"


@pytest.fixture(scope="module")
def origin(services: Services) -> Iterator[str]:
    """Where the page is served, with the policy that a server sends."""
    import uvicorn  # noqa: PLC0415 -- only where a browser is
    from fastapi import FastAPI  # noqa: PLC0415
    from starlette.middleware.base import BaseHTTPMiddleware  # noqa: PLC0415

    from otel_session_agg._page.page import build_page  # noqa: PLC0415

    app = FastAPI()
    hashes = " ".join(build_page(app, services).csp_hashes())
    policy = (
        f"default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
        " font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
    )

    async def guarded(request: Any, answer: Any) -> Any:
        response = await answer(request)
        response.headers["content-security-policy"] = policy
        return response

    app.add_middleware(BaseHTTPMiddleware, dispatch=guarded)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


class Opened:
    """A page that is open, and what it did that it should not have done."""

    def __init__(self, browser: Any, origin: str, address: str, **options: Any) -> None:
        self.origin = origin
        self.page = browser.new_page(**{"viewport": {"width": 1400, "height": 900}, **options})
        self.page.set_default_timeout(1000 * SECONDS)
        self.complaints: list[str] = []
        self.page.on("console", lambda said: self._complain(said.text) if said.type in {"error", "warning"} else None)
        self.page.on("pageerror", lambda error: self._complain(str(error)))
        self.page.on("dialog", lambda dialog: self._complain(dialog.message))
        self.page.on("request", lambda asked: None if self._is_own(asked.url) else self._complain(asked.url))
        self.page.goto(origin + address)
        self.wait(READY)

    def _is_own(self, url: str) -> bool:
        return url.startswith((self.origin, "data:", "blob:"))

    def _complain(self, text: str) -> None:
        if not text.startswith(HARMLESS):
            self.complaints.append(text)

    def wait(self, condition: str) -> None:
        """Wait until a condition holds."""
        wait_for(self.page, condition)

    def __call__(self, script: str) -> Any:
        """What a script returns."""
        return self.page.evaluate(script)

    @property
    def search(self) -> str:
        """The address after its question mark."""
        return str(self("decodeURIComponent(location.search.replaceAll('+', ' '))"))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_views(browser: Any, origin: str, view: str, theme: str) -> None:
    """Every view in both themes and at any width: drawn, nothing sticks out, nothing is complained of or asked of others."""
    opened = Opened(browser, origin, f"/{view}", color_scheme=theme)
    assert theme == opened("document.documentElement.dataset.mantineColorScheme")
    for width in (400, 800, 1400, 2000):
        opened.page.set_viewport_size({"width": width, "height": 900})
        opened.wait(f"document.documentElement.scrollWidth <= {width}")
    assert [] == opened("[...document.querySelectorAll('.chart.error, .message.bad')].map(one => one.innerText)")
    assert "page" == opened("document.querySelector('.nav-link.active').parentElement.ariaCurrent")
    assert f"{view.title()} \u00b7 otel-session-agg" == opened.page.title()
    assert [] == opened.complaints
    opened.page.close()


@pytest.mark.skipif(AXE is None, reason="AXE_CORE is not set")
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_accessible(browser: Any, origin: str, view: str, theme: str) -> None:
    """Axe finds nothing serious."""
    opened = Opened(browser, origin, f"/{view}", color_scheme=theme)
    if view == "sessions":  # the heads of a grid come after its rows, by what the address says of columns
        opened.wait("document.querySelector('.ag-row')")
        opened.wait("[...document.querySelectorAll('.ag-header-row-column')].every(row => row.children.length)")
    opened(Path(AXE or "").read_text("utf-8") + "; 0")
    found = opened("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})")
    assert [] == [
        (one["id"], [node["html"][:200] for node in one["nodes"][:3]])
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
    opened.page.close()


def test_gone(browser: Any, origin: str) -> None:
    """When the server does not answer, the page says so, until it does again."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{origin}/users")
        page.wait_for_selector("table.plain td")
        context.set_offline(True)
        page.click("nav a:has-text('Models')")
        page.wait_for_selector("text=The server does not answer")
        context.set_offline(False)
        page.wait_for_selector("#gone", state="hidden")
        page.click("nav a:has-text('Tools')")
        page.wait_for_selector("h1:has-text('Tools')")


def test_filter(browser: Any, origin: str) -> None:
    """A condition is typed, completed and in the address; a wrong one is explained beside it."""
    opened = Opened(browser, origin, "/overview")
    opened.page.keyboard.press("/")
    opened.page.keyboard.type("cos")
    option = ".mantine-Autocomplete-option"
    opened.page.wait_for_selector(option)
    assert "cost " in opened(f"[...document.querySelectorAll('{option}')].map(one => one.textContent)")
    opened.page.keyboard.press("ArrowDown")
    opened.page.keyboard.press("Enter")
    opened.wait("document.activeElement.id === 'where' && / $/.test(document.activeElement.value)")
    assert "" == opened.search
    opened.page.fill("#where", "cost > 0.01")
    opened.page.keyboard.press("Enter")
    opened.wait("location.search.includes('where')")
    assert "?where=cost > 0.01" == opened.search
    opened.wait("(document.querySelector('.card .value') || {innerText: '400'}).innerText !== '400'")
    opened.page.fill("#where", "nope = 1")
    opened.page.keyboard.press("Enter")
    opened.wait("document.querySelector('.message.bad')")
    assert "there is no column nope" in opened.page.inner_text(".message.bad").replace("'", "")
    opened.page.go_back()
    opened.wait("!document.querySelector('.message.bad')")
    opened.page.close()


def test_controls(browser: Any, origin: str) -> None:
    """Time, group and theme are in the address, stay in other views, and are there after a reload."""
    opened = Opened(browser, origin, "/overview", color_scheme="light")
    opened.page.click("#range")
    opened.page.click(".mantine-Select-option:has-text('all time')")
    opened.wait("location.search === '?from=all'")
    opened.wait(READY)
    opened.page.click("#by")
    opened.page.click(".mantine-Select-option:has-text('service.name')")
    opened.wait("location.search.includes('by=service.name')")
    opened.wait("document.querySelector('.chart')?.innerText.includes('checkout-bot')")
    opened.page.click("#switch")
    opened.wait("document.documentElement.dataset.mantineColorScheme === 'dark'")
    opened.page.click(".nav-link:has-text('Sessions')")
    opened.wait("location.pathname === '/sessions' && location.search.includes('theme=dark')")
    opened.page.reload()
    opened.wait(READY)
    assert ("?from=all&by=service.name&theme=dark", "dark") == (
        opened.search, opened("document.documentElement.dataset.mantineColorScheme"),
    )  # fmt: skip
    assert [] == opened.complaints
    opened.page.close()


def test_typed_filter(browser: Any, origin: str) -> None:
    """A filter that was typed and not yet applied counts with another control that is changed; the theme leaves it as it is."""
    opened = Opened(browser, origin, "/overview?from=all")
    opened.page.fill("#where", "user = ada")
    opened.page.keyboard.press("Escape")
    opened.page.click("#switch")
    opened.wait("location.search.includes('theme')")
    assert ("user = ada", False) == (opened.page.input_value("#where"), "where" in opened.search)
    opened.page.click("#range")
    opened.page.get_by_role("option", name="last 30 days", exact=True).click()
    opened.wait("location.search.includes('from=30d')")
    assert "where=user = ada" in opened.search
    opened.wait("document.getElementById('where').value === 'user = ada'")
    assert [] == opened.complaints
    opened.page.close()


def test_charts_on_the_screen_first(browser: Any, origin: str) -> None:
    """Charts are asked for from the top, each once, and the sessions below when those on the screen are drawn."""
    opened = Opened(browser, origin, "/overview")
    opened.page.wait_for_selector(".ag-row a", state="attached")
    asked = "performance.getEntriesByType('resource').map(one => new URL(one.name)).filter(one => one.pathname === '/_chart')"
    assert [one.key for one in CHARTS] == opened(f"{asked}.map(one => one.searchParams.get('key'))")
    opened.page.close()


def test_charts_follow_the_theme(browser: Any, origin: str) -> None:
    """Charts change their colours with the theme, and are not asked for again."""
    opened = Opened(browser, origin, "/overview", color_scheme="light")
    number = "performance.getEntriesByType('resource').filter(one => one.name.includes('/_chart')).length"
    text = "getComputedStyle(document.querySelector('#chart-tokens .xtick text')).fill"
    before, asked = opened(text), opened(number)
    opened.page.click("#switch")
    opened.wait(f"{text} !== '{before}'")
    assert asked == opened(number)
    opened.page.close()


def test_tables(browser: Any, origin: str) -> None:
    """Tables lead to sessions without the page being loaded again, and keep the focus when they are filled anew."""
    opened = Opened(browser, origin, "/users")
    opened.wait("document.querySelector('#users-table tbody a')")
    opened("window.isSame = true")
    first = opened("document.querySelector('#users-table tbody tr').innerText")
    opened.page.focus("#users-table tbody a")
    place = "document.querySelector('#users-table [data-table]')"
    opened(f"{place}.dataset.table = {place}.dataset.table.replace(/Cost USD/, 'Cost in USD')")
    opened.wait(f"{place}.innerText.includes('Cost in USD')")
    assert opened(f"{place}.querySelector('tbody a') === document.activeElement")
    assert first == opened("document.querySelector('#users-table tbody tr').innerText")
    opened.page.keyboard.press("Enter")
    opened.wait("document.querySelector('#grid .ag-row')")
    assert "where=user" in opened.page.url
    assert opened("window.isSame === true")
    opened.page.close()


def test_server_that_is_gone(browser: Any, origin: str) -> None:
    """A chart that cannot be had says so in its place."""
    opened = Opened(browser, origin, "/live")
    opened.page.route("**/_chart?*", lambda route: route.abort())
    opened.page.click(".nav-link:has-text('Models')")
    opened.wait("document.querySelectorAll('.chart.error').length === 2")
    assert "the server does not answer" == opened.page.inner_text(".chart.error .said")
    opened.page.close()


@pytest.mark.parametrize(("chart", "said"), [("duration", "from="), ("spread-cost", "where=cost >="), ("against", "duration >=")])
def test_drag(browser: Any, origin: str, chart: str, said: str) -> None:
    """Dragging over a chart filters what all charts show, and is in the address."""
    opened = Opened(browser, origin, "/overview")
    drag = opened.page.locator(f"#chart-{chart} .nsewdrag").first
    drag.scroll_into_view_if_needed()
    box = drag.bounding_box()
    mouse = opened.page.mouse
    mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.3 * box["height"])
    mouse.down()
    mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.7 * box["height"], steps=5)
    mouse.up()
    opened.wait("location.search.length > 1")
    assert said in opened.search
    opened.wait(READY)
    opened.wait("(document.querySelector('.card .value') || {innerText: '400'}).innerText !== '400'")
    assert [] == opened.complaints
    opened.page.close()


def test_grid(browser: Any, origin: str) -> None:
    """Sessions are sorted and filtered by the server; the session is opened with the keyboard."""
    opened = Opened(browser, origin, "/sessions")
    opened.page.wait_for_selector(".ag-row a")
    first = "[...document.querySelectorAll('.ag-row[row-index=\"0\"] [col-id=tokens]')].map(one => one.innerText)[0]"
    opened.page.click(".ag-header-cell[col-id=tokens] .ag-header-cell-text")
    opened.page.click(".ag-header-cell[col-id=tokens] .ag-header-cell-text")
    opened.wait(f"location.search.includes('sort=-tokens') && {first} === '213,208'")
    opened.page.locator(".ag-row[row-index='0'] .ag-cell[col-id=session]").click(position={"x": 135, "y": 10})
    opened.page.keyboard.press("Enter")
    opened.wait("location.pathname === '/session'")
    assert "id=chat-0299" in opened.search
    opened.page.close()


def test_export(browser: Any, origin: str) -> None:
    """What is shown can be had as a file, in which nothing is a formula."""
    opened = Opened(browser, origin, "/users")
    with opened.page.expect_download() as download:
        opened.page.click("#export")
    text = Path(download.value.path()).read_text("utf-8")
    assert text.startswith("user,sessions,calls")
    assert "\n'=cmd()," in text.replace("\r\n", "\n")
    opened.page.close()


@pytest.mark.parametrize(
    "address",
    [
        "/overview?where=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E",
        "/overview?by=%3Cscript%3Ealert(1)%3C/script%3E",
        "/sessions?sort=%22%3E%3Cscript%3E&cols=%3Cb%3E,,&id=%3Cb%3E",
        "/models?sort=__proto__&theme=%22%3E",
    ],
)
def test_hostile_address(browser: Any, origin: str, address: str) -> None:
    """Whatever is in an address is text."""
    opened = Opened(browser, origin, address)
    assert 0 == opened("document.querySelectorAll('main img, main script, main b').length")
    assert [] == opened.complaints
    opened.page.close()


def test_narrow(browser: Any, origin: str) -> None:
    """On a telephone the navigation shows the link to the view that is shown."""
    opened = Opened(browser, origin, "/agents", viewport={"width": 400, "height": 900})
    link = "document.querySelector('.nav-link.active').getBoundingClientRect()"
    opened.wait(f"{link}.left >= 0 && {link}.right <= 400")
    opened.page.close()


def test_narrow_charts(browser: Any, origin: str) -> None:
    """On a telephone the names of many groups leave a chart its room, below them."""
    bars = [{"type": "bar", "x": [1], "y": [1], "name": f"a-model-with-a-long-name-{at}"} for at in range(7)]
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom"}
    text = json.dumps(
        {
            "figure": {"data": bars, "layout": {"barmode": "stack", "legend": legend, "margin": dict.fromkeys("lrtb", 8)}},
            "note": "",
        }
    )
    with browser.new_context(viewport={"width": 400, "height": 900}) as context:
        page = context.new_page()
        page.route("**/_chart?key=cost&*", lambda route: route.fulfill(body=text, content_type="application/json"))
        page.goto(f"{origin}/overview?from=all")
        wait_for(
            page, "document.querySelector('#chart-cost .plot')?._fullLayout && !document.querySelector('#chart-cost.loading')"
        )
        assert page.evaluate("document.querySelector('#chart-cost .plot')._fullLayout._size.h") > 120


CONTROLS = """[...document.querySelectorAll('a[href], button, input, summary, [tabindex]')].filter((one) => {
    const place = one.getBoundingClientRect();
    const isClosed = one.tagName !== 'SUMMARY' && one.closest('details:not([open])');
    return !one.disabled && one.tabIndex >= 0 && place.width && place.height && !isClosed && !one.closest('.ag-root-wrapper');
})"""
"""What the keyboard has to reach; a grid has keys of its own."""


@pytest.mark.parametrize("view", ["overview", "sessions", "models"])
def test_keyboard(browser: Any, origin: str, view: str) -> None:
    """Every control is reached with Tab, and is seen to have the focus."""
    opened = Opened(browser, origin, f"/{view}")
    number = opened(f"{CONTROLS}.map((one, at) => one.dataset.at = at).length")
    reached, unseen = set(), []
    for _ in range(number + 40):
        opened.page.keyboard.press("Tab")
        at, html, outline = opened(
            "(one => [one.dataset.at, one.outerHTML.slice(0, 100), getComputedStyle(one).outlineStyle])(document.activeElement)"
        )
        if at is not None:
            reached.add(int(at))
            unseen += [html] if outline == "none" else []
    missed = set(range(number)) - reached
    assert ([], []) == ([opened(f"{CONTROLS}[{at}].outerHTML.slice(0, 100)") for at in sorted(missed)], unseen)
    opened.page.close()


def test_own_days(browser: Any, origin: str) -> None:
    """A range of days is chosen in a calendar by the keyboard, is in the address and in the header, and is there after a reload."""
    opened = Opened(browser, origin, "/overview?from=2026-11-20T00:00Z&to=2026-11-21T00:00Z")
    assert "20 Nov 2026" == opened("document.getElementById('range').value")
    opened.page.focus("summary[title='Own range of days']")
    opened.page.keyboard.press("Enter")
    days = "button.mantine-DatePicker-day"
    opened.page.wait_for_selector(days)
    opened.page.click(f"{days}[aria-label='18 November 2026']")
    opened.page.locator(f"{days}[aria-label='19 November 2026']").press("Enter")
    opened.wait("location.search.includes('2026-11-18')")
    assert "?from=2026-11-18T00:00Z&to=2026-11-20T00:00Z" == opened.search
    opened.wait(READY)
    opened.wait("document.getElementById('range').value === '18 Nov 2026 to 19 Nov 2026'")
    assert not opened("document.querySelector('details.menu[open]')")
    assert opened("(one => one.scrollWidth <= one.clientWidth)(document.getElementById('range'))")
    opened.page.reload()
    opened.wait(READY)
    assert "18 Nov 2026 to 19 Nov 2026" == opened("document.getElementById('range').value")
    assert [] == opened.complaints
    opened.page.close()


def test_filtered_columns(browser: Any, origin: str) -> None:
    """What columns are filtered by is in the address, and filters when the address is opened; the export has it, too."""
    filters = '{"tokens":{"filterType":"number","type":"greaterThan","filter":100000}}'
    opened = Opened(browser, origin, f"/sessions?from=all&sort=-tokens&filters={quote(filters)}")
    opened.page.wait_for_selector(".ag-row a")
    opened.wait("/^[0-9]+ sessions?$/.test(document.getElementById('grid-note').innerText)")
    number = int(opened("document.getElementById('grid-note').innerText").split()[0])
    assert 0 < number < 400
    assert filters in opened.search
    with opened.page.expect_download() as download:
        opened.page.click("#export")
    assert number + 1 == len(Path(download.value.path()).read_text("utf-8").splitlines())
    opened.page.hover(".ag-header-cell[col-id=tokens]")
    opened.page.click(".ag-header-cell[col-id=tokens] .ag-header-cell-filter-button")
    opened.page.click(".ag-filter button:has-text('Reset')")
    opened.wait("!location.search.includes('filters')")
    opened.wait("document.getElementById('grid-note').innerText.startsWith('400 sessions')")
    assert [] == opened.complaints
    opened.page.close()
