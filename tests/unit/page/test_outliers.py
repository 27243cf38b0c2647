"""Which sessions stand out is the same in every view of an address."""

from __future__ import annotations

import re

import pytest

from otel_session_agg._page.grid_rows import FLAG, rows_at
from otel_session_agg._page.services import Services
from otel_session_agg._page.session import VIEW
from otel_session_agg._views.address import State, parse
from otel_session_agg._views.grid import Wanted
from tests.unit.page.test_views import texts_of


def _said(state: State, services: Services, session: str) -> set[str]:
    """By what the view of a session says that it stands out."""
    texts = texts_of(VIEW.layout(state.going_to("session", id=session), services))
    return {text.removeprefix("outlier: ").removesuffix(" median") for text in texts if text.startswith("outlier: ")}


@pytest.mark.parametrize(
    "search", ["?from=all", "?from=all&by=service.name", "?from=7d&where=tokens+%3E+100", "?from=all&by=user"]
)
def test_grid_and_session(services: Services, search: str) -> None:
    """The view of a session says the same of it as its row in the grid that links to it."""
    state = parse("/sessions", search)
    rows = rows_at(state, Wanted(0, 400, [("cost", True)], {}), services)[0]["rowData"]
    flagged = [row for row in rows if row[FLAG]]
    plain = [row for row in rows if not row[FLAG]][:5]
    assert flagged or "by=" in search
    for row in [*flagged[:8], *plain]:
        said = _said(state, services, row["id"])
        assert (row[FLAG] in said) if row[FLAG] else not said, (row["reason"], said)
    assert all(re.fullmatch(r"\w+ [\d.,]+ \u00d7", row[FLAG]) for row in flagged)
