"""The login in Chromium, where it and Playwright are installed."""

from __future__ import annotations

from typing import Any

import pytest

from otel_session_agg._serve.access import Access
from tests.support.browser import IN_BROWSER, browser
from tests.unit.serve.test_guard import TOKEN, guarding

__all__ = ["browser"]  # a fixture

pytestmark = IN_BROWSER


@pytest.fixture
def asked() -> list[Any]:
    """The requests that the browser has made."""
    return []


def test_login(browser: Any, asked: list[Any]) -> None:
    """The form leads to what was asked for; the token is in the one request that it is sent with, and nowhere else."""
    with guarding(Access(TOKEN, None)) as port, browser.new_context() as context:
        origin, page = f"http://127.0.0.1:{port}", context.new_page()
        page.on("request", lambda one: asked.append(one))  # noqa: PLW0108 -- Playwright marks it
        page.goto(f"{origin}/overview?where=user+%3D+ann")
        page.fill("#token", "wrong")
        page.click("button")
        page.wait_for_selector("text=That is not the token")
        page.fill("#token", TOKEN)
        page.click("button")
        page.wait_for_selector("text=GET /overview")
        assert f"{origin}/overview?where=user+%3D+ann" == page.url
        assert ["/login"] == [one.url.removeprefix(origin) for one in asked if TOKEN in (one.post_data or "")]
        assert [] == [one.url for one in asked if TOKEN in f"{one.url} {one.headers}"]
        assert [] == [cookie["value"] for cookie in context.cookies() if TOKEN in cookie["value"]]


def test_long_address(browser: Any) -> None:
    """An address as long as that of a session may be is not cut by the login."""
    long = f"/session?id={'%F0%9F%98%80' * 1024}"
    with guarding(Access(TOKEN, None)) as port, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}{long}")
        page.fill("#token", TOKEN)
        page.click("button")
        page.wait_for_selector("text=GET /session")
        assert f"http://127.0.0.1:{port}{long}" == page.url


def test_no_referrer(browser: Any, asked: list[Any]) -> None:
    """Another site is not told from which address somebody comes."""
    with guarding() as port, guarding(Access(None, None)) as other, browser.new_context() as context:
        page = context.new_page()
        page.on("request", lambda one: asked.append(one))  # noqa: PLW0108 -- Playwright marks it
        page.goto(f"http://127.0.0.1:{port}/overview?where=undisclosed")
        page.evaluate(
            "to => { const link = document.createElement('a'); link.href = to; document.body.append(link); link.click(); }",
            f"http://localhost:{other}/there",
        )
        page.wait_for_selector("text=GET /there")
        assert [] == [one.all_headers() for one in asked if "undisclosed" in str(one.all_headers().get("referer"))]
