"""The view of alerts in Chromium: its buttons and its form, and hostile ids that stay text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from otel_session_agg._alerts.engine import AlertEngine
from otel_session_agg._alerts.rules_file import read_rules
from otel_session_agg._history.shared import SharedHistory
from otel_session_agg._page.services import Services
from tests.support.alerted import NOW, stored
from tests.support.browser import IN_BROWSER, browser, wait_for
from tests.unit.page.test_in_browser import AXE, origin

__all__ = ["browser", "origin"]  # fixtures

pytestmark = IN_BROWSER
_HOSTILE = "<img src=x onerror=alert(1)>\u202e"
_RULES = """
rules:
  dear: {session: cost > 0.10}
  slow: {aggregate: p95(duration) > 20 s, by: user}
"""


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    """A page with rules, in place of the one of the package."""
    with SharedHistory() as history:
        history.add_sessions([stored(_HOSTILE, cost=1), stored("slow", seconds=40, user=_HOSTILE)])
        engine = AlertEngine(read_rules(_RULES), history.reading, clock=lambda: NOW)
        engine.start()
        assert engine.check()
        yield Services(history.reading, more={"alerts": engine})
        assert engine.close()


@pytest.fixture
def page(browser: Any, origin: str) -> Iterator[Any]:
    """The view; nothing may be wrong in the browser's log."""
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda _: said.append("a dialog"))
    page.goto(f"{origin}/alerts")
    page.wait_for_selector("text=What fired")
    yield page
    page.close()
    assert [] == said


class TestAlerts:
    """As somebody uses it."""

    def test_hostile(self, page: Any) -> None:
        """An id is a text with a link to its session."""
        links = page.get_by_role("link", name="<img src=x onerror=alert(1)>").all()
        assert [True, True] == [
            one.get_attribute("href").startswith(("/session?id=%3Cimg", "/sessions?where=end_time")) for one in links
        ]
        assert 0 == page.locator("img[src=x]").count()

    def test_buttons(self, page: Any) -> None:
        """A rule is paused, resumed, muted and unmuted, and the page says so."""
        for before, after in (("Pause", "Resume"), ("Resume", "Pause"), ("Mute 1 h", "Unmute"), ("Unmute", "Mute 1 h")):
            page.click(f"button[aria-label='{before}: slow']")
            page.wait_for_selector(f"button[aria-label='{after}: slow']")

    def test_new_rule(self, page: Any) -> None:
        """A rule is tried, kept and deleted; what is wrong is said."""
        page.fill("#alerts-name", "mine")
        page.fill("#alerts-condition", "cots > 0.5")
        page.click("#alerts-try")
        page.wait_for_selector("text=there is no column 'cots'")
        page.fill("#alerts-condition", "cost > 0.5")
        page.click("#alerts-try")
        page.wait_for_selector("text=It would have fired 1 time")
        page.click("#alerts-save")
        page.click("button[aria-label='Edit: mine']")
        page.wait_for_selector("#alerts-condition:focus")
        assert ("mine", "cost > 0.5") == (page.input_value("#alerts-name"), page.input_value("#alerts-condition"))
        page.fill("#alerts-condition", "cost > 0.6")
        page.click("#alerts-save")
        page.wait_for_selector("code:has-text('cost > 0.6')")
        page.click("button[aria-label='Edit: mine']")
        page.wait_for_selector("text=This changes the rule mine: another name renames it")
        page.fill("#alerts-name", "ours")
        page.click("#alerts-save")
        page.wait_for_selector("text=It is renamed: its name was mine")
        page.wait_for_selector("#alerts-save-new", state="hidden")
        page.click("button[aria-label='Edit: ours']")
        page.wait_for_selector("#alerts-save-new:visible")
        page.click("#alerts-save-new")
        page.wait_for_selector("text=there is a rule of that name: choose another name")
        page.fill("#alerts-name", "mine")
        page.click("#alerts-save-new")
        page.wait_for_selector("button[aria-label='Edit: mine']")
        page.click("button[aria-label='Delete: ours']")
        page.wait_for_selector("button[aria-label='Delete: ours']", state="detached")
        page.click("#alerts-kind")
        page.click(".mantine-Select-option:has-text('aggregate')")
        page.wait_for_selector("#alerts-over")
        page.click("button[aria-label='Delete: mine']")
        page.wait_for_selector("button[aria-label='Delete: mine']", state="detached")

    def test_form(self, page: Any) -> None:
        """All fields of the form are equally high, whatever they hold, and stand in lines."""
        heights = "[...new Set([...document.querySelectorAll('#alerts-form .mantine-Input-input')].filter(one => one.offsetParent).map(one => Math.round(one.offsetHeight)))]"
        for chosen in ([], ["mail"]):
            page.evaluate("value => window.dash_clientside.set_props('alerts-notify', {data: ['mail', 'hook'], value})", chosen)
            wait_for(page, f"document.querySelectorAll('#alerts-form .mantine-Pill-root').length === {len(chosen)}")
            assert 1 == len(page.evaluate(heights))

    def test_draft(self, page: Any) -> None:
        """A rule that is being written is there after a look at a session that it would have found, and after a reload."""
        page.click("#alerts-kind")
        page.click(".mantine-Select-option:has-text('aggregate')")
        page.fill("#alerts-name", "draft")
        page.fill("#alerts-condition", "p95(duration) > 1 s")
        page.fill("#alerts-by", "user")
        page.click("#alerts-try")
        page.click("#alerts-preview .most a >> nth=0")
        page.wait_for_selector("text=Why this cost")
        page.go_back()
        for again in (False, True):
            if again:
                page.reload()
            page.wait_for_selector("#alerts-by:visible")
            shown = [page.input_value(f"#alerts-{name}") for name in ("name", "condition", "by")]
            assert ["draft", "p95(duration) > 1 s", "user"] == shown
        page.click("#alerts-new")
        page.wait_for_selector("#alerts-name:focus")
        wait_for(page, "document.getElementById('alerts-condition').value === ''")
        page.wait_for_selector("#alerts-by", state="hidden")

    def test_undo(self, page: Any) -> None:
        """What was deleted by mistake comes back by a button that is on the screen then."""
        page.fill("#alerts-name", "kept")
        page.fill("#alerts-condition", "cost > 0.5")
        page.click("#alerts-save")
        page.click("button[aria-label='Delete: kept']")
        page.wait_for_selector("button[aria-label='Edit: kept']", state="detached")
        assert page.get_by_role("button", name="Undo: kept").bounding_box()["y"] > 50
        page.click("button[aria-label='Undo: kept']")
        page.wait_for_selector("button[aria-label='Edit: kept']")
        page.click("button[aria-label='Delete: kept']")
        page.wait_for_selector("button[aria-label='Edit: kept']", state="detached")

    def test_no_filter(self, page: Any, origin: str) -> None:
        """The controls of the header that change nothing here are not shown; a wrong filter of another view hides no alerts."""
        page.goto(f"{origin}/alerts?where=nope+%3D+1")
        page.wait_for_selector("text=What fired")
        assert (False, False) == (page.is_visible("#where"), page.is_visible("#range"))

    def test_narrow(self, page: Any) -> None:
        """On a narrow screen rows are cards: why something fired, and the buttons, are there without scrolling sideways."""
        page.set_viewport_size({"width": 400, "height": 900})
        for shown in (
            "text=cost 1 USD (above 0.1 USD)",
            "button[aria-label='Pause: dear']",
            "button[aria-label='Mute 1 h: slow']",
        ):
            box = page.locator(shown).first.bounding_box()
            assert (True, True) == (box["x"] >= 0, box["x"] + box["width"] <= 400)
        assert "'Why'" == page.evaluate(
            "JSON.stringify([...document.querySelectorAll('#alerts-now td')].find(one => /above 0.1/.test(one.textContent)).dataset.label)"
        ).replace('"', "'")

    def test_focus(self, page: Any) -> None:
        """What is shown again every few seconds keeps the focus, and where it was scrolled to."""
        page.set_viewport_size({"width": 800, "height": 900})
        page.focus("button[aria-label='Pause: slow']")
        page.evaluate("document.querySelector('#alerts-now .scroll').scrollLeft = 60")
        page.evaluate("document.querySelector('#alerts-now .scroll').dataset.before = 'yes'")
        wait_for(page, "!document.querySelector('[data-before]') && document.activeElement.ariaLabel === 'Pause: slow'")
        assert 60 == page.evaluate("document.querySelector('#alerts-now .scroll').scrollLeft")

    @pytest.mark.skipif(AXE is None, reason="AXE_CORE does not name the script of axe-core")
    @pytest.mark.parametrize(("theme", "width"), [("light", 1300), ("dark", 1300), ("light", 400)])
    def test_accessible(self, page: Any, origin: str, theme: str, width: int) -> None:
        """Nothing that axe finds."""
        page.set_viewport_size({"width": width, "height": 1000})
        page.goto(f"{origin}/alerts?theme={theme}")
        page.wait_for_selector("text=What fired")
        with open(str(AXE), encoding="utf-8") as file:  # noqa: PTH123 -- a name from the environment
            page.evaluate(file.read())
        found = page.evaluate("axe.run(document.querySelector('#view')).then(found => found.violations)")
        assert [] == [(one["id"], [node["html"][:100] for node in one["nodes"][:3]]) for one in found]
