"""The views of a session, of comparisons and of charts in Chromium, where it and Playwright are installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import IN_BROWSER, browser, wait_for
from tests.unit.page.test_in_browser import AXE, origin
from tests.unit.page.test_views import HOSTILE, services

__all__ = ["browser", "origin", "services"]  # fixtures

pytestmark = IN_BROWSER
PLACES = {
    "/session?id=s": "#session-why table",
    "/compare?from=all&mode=segment&key=service.name": "#compare-drivers table",
    "/charts?from=all&group=user": "#chart-table table",
    "/charts?from=all&board=board": ".chart:not(.loading) .main-svg",
}


def opened(browser: Any, origin: str, place: str, **options: Any) -> tuple[Any, list[str]]:
    """A page on which a view is shown, and what it did beside that."""
    page = browser.new_page(**options)
    events: list[str] = []
    page.on("console", lambda message: events.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: events.append(str(error)))
    page.on("dialog", lambda dialog: events.append(dialog.message))
    page.on("request", lambda request: events.append(request.url) if not request.url.startswith((origin, "data:")) else None)
    page.goto(origin + place)
    page.wait_for_selector(PLACES.get(place, "#view > div"), timeout=300_000)
    return page, events


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280, 2000])
@pytest.mark.parametrize("place", PLACES)
def test_fits(browser: Any, origin: str, place: str, theme: str, width: int) -> None:
    """In both themes and at any width nothing sticks out, nothing foreign is asked for, and no script of a name runs."""
    page, events = opened(browser, origin, place, viewport={"width": width, "height": 900}, color_scheme=theme)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.close()
    assert (0, []) == (overflow, events)


def test_groups_on_a_telephone(browser: Any, origin: str) -> None:
    """The figures of groups are beside their names, not beyond the edge."""
    page, _ = opened(browser, origin, "/charts?from=all&group=user", viewport={"width": 400, "height": 900})
    assert 400 > page.evaluate("document.querySelector('#chart-table td.num').getBoundingClientRect().right")
    page.close()


@pytest.mark.skipif(AXE is None, reason="AXE_CORE is not set")
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("place", [*PLACES, "/overview?where=nope+%3D+1", "/overview?from=all&where=cost+%3E+1000000"])
def test_accessible(browser: Any, origin: str, place: str, theme: str) -> None:
    """Axe finds nothing."""
    page, events = opened(browser, origin, place, color_scheme=theme)
    page.evaluate(Path(AXE or "").read_text("utf-8") + "; 0")
    found = page.evaluate("axe.run()")
    page.close()
    assert [] == [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found["violations"]]
    assert [] == events


def test_a_chart_is_made_and_saved(browser: Any, origin: str) -> None:
    """By the controls alone: the origin follows, and the chart is on its board."""
    page, events = opened(browser, origin, "/charts?from=all&group=user")
    page.locator("#view").get_by_label("Aggregation", exact=True).click()
    page.get_by_role("option", name="median", exact=True).click()
    page.wait_for_url("**agg=median**")
    page.wait_for_selector("#chart-table table")
    page.get_by_role("textbox", name="Name", exact=True).fill(HOSTILE)
    page.get_by_role("textbox", name="Board", exact=True).fill("new")
    page.get_by_role("button", name="Save on the board").click()
    page.get_by_role("link", name="open new").click()
    page.wait_for_selector("#board-grid h2")
    assert ([HOSTILE], []) == ([one.inner_text() for one in page.query_selector_all("#board-grid h2")], events)
    page.close()


def test_what_is_typed_stays(browser: Any, origin: str) -> None:
    """Names typed while an answer comes, or before another control is changed, stay until they are cleared."""
    page, events = opened(browser, origin, "/charts?from=all&group=user")
    held: list[Any] = []
    page.route("**/_dash-update-component", lambda route: held.append(route))  # noqa: PLW0108 -- Playwright marks it
    page.locator("#view").get_by_label("Aggregation", exact=True).click()
    page.get_by_role("option", name="median", exact=True).click()
    page.wait_for_url("**agg=median**")
    page.fill("#chart-name", "typed meanwhile")
    page.fill("#chart-board", "own board")
    page.unroute("**/_dash-update-component")
    for one in held:
        one.continue_()
    page.wait_for_selector("#chart-name[placeholder^=Median]")
    assert ["typed meanwhile", "own board"] == [page.input_value(f"#chart-{name}") for name in ("name", "board")]
    page.fill("#chart-name", "typed before")
    page.locator("#view").get_by_label("Aggregation", exact=True).click()
    page.get_by_role("option", name="average", exact=True).click()
    page.wait_for_selector("#chart-name[placeholder^=Average]")
    assert ["typed before", "own board"] == [page.input_value(f"#chart-{name}") for name in ("name", "board")]
    page.get_by_role("button", name="Save on the board").click()
    page.get_by_role("link", name="open own board").click()
    page.wait_for_selector("#board-grid h2")
    assert ["typed before"] == [one.inner_text() for one in page.query_selector_all("#board-grid h2")]
    page.goto(f"{origin}/charts?from=all")
    page.wait_for_selector("#chart-name[placeholder^=Total]")
    page.fill("#chart-name", "")
    page.locator("#view").get_by_label("Aggregation", exact=True).click()
    page.get_by_role("option", name="median", exact=True).click()
    page.wait_for_selector("#chart-name[placeholder^=Median]")
    assert ("", []) == (page.input_value("#chart-name"), events)
    page.close()


def test_a_session_by_keyboard(browser: Any, origin: str) -> None:
    """Rows fold and spans open without a mouse; the origin says which."""
    page, events = opened(browser, origin, "/session?id=s")
    page.get_by_label("2 spans below").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**closed=0000000000000001**")
    wait_for(page, "document.querySelectorAll('.waterfall .line').length == 2")
    page.get_by_label("2 spans below").focus()
    page.keyboard.press("Enter")
    wait_for(page, "document.querySelectorAll('.waterfall .line').length == 4")
    page.get_by_role("button", name="span 3").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**span=0000000000000003**")
    page.wait_for_selector(f"pre.said-text:has-text({HOSTILE!r})")
    assert [] == events
    page.close()
