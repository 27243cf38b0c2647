"""Every analysis of the table is carried out on the demo's page with the mouse, by the clicks that the table states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.documents.serve_analyses import ANALYSES, MOST_CLICKS, address_of, carried_out, opened
from tests.processes.test_serve import serving
from tests.support.browser import IN_BROWSER, browser

__all__ = ["browser"]  # a fixture

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """Where the demo is served."""
    with serving("--serve", "--no-open", "--sessions", "600", name="demo") as program:
        yield f"http://127.0.0.1:{program.page}"


@pytest.mark.parametrize("name", ANALYSES)
def test_analysis(browser: Any, origin: str, name: str) -> None:
    """It is done in a few clicks, finds what it should find, and is at the address of the table."""
    analysis = ANALYSES[name]
    page = opened(browser, origin, viewport={"width": 1280, "height": 900})
    carried_out(page, analysis)
    assert (analysis.address, []) == (
        address_of(page),
        [one.inner_text() for one in page.query_selector_all(".message.bad, .chart.error")],
    )
    assert len(analysis.clicks) <= MOST_CLICKS
    page.close()
