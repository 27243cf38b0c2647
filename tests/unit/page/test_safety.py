"""Nothing of the data can be markup or code on the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import otel_session_agg._page
from otel_session_agg._history.history import History
from otel_session_agg._history.sources import Selection
from otel_session_agg._page.grid_rows import wanted_of
from otel_session_agg._page.overview_charts import CHARTS
from otel_session_agg._page.panels import drawn
from otel_session_agg._page.services import Services
from otel_session_agg._page.views import navigation, views
from otel_session_agg._views.address import parse
from otel_session_agg._views.grid import sessions_page
from tests.support.session_tables import HOSTILE

ROOM = Path(otel_session_agg._page.__file__).parent
BANNED = re.compile(
    r"dcc\.Markdown|dangerously_allow_html|DangerouslySetInnerHTML|dangerously_allow_code=True|innerHTML|outerHTML|insertAdjacentHTML"
    r"|document\.write|\beval\(|new Function|https?://"
)


@pytest.mark.parametrize("path", [*ROOM.rglob("*.py"), *ROOM.rglob("*.js"), *ROOM.rglob("*.css")], ids=lambda path: path.name)
def test_nothing_makes_markup(path: Path) -> None:
    """No component and no function that would make markup or code of a text, and no other address."""
    assert [] == [line for line in path.read_text("utf-8").splitlines() if BANNED.search(line)]


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.key)
class TestCharts:
    """Figures of the charts."""

    @pytest.mark.parametrize("search", ["", "?from=all&by=service.name", "?where=cost+%3E+0.01"])
    def test_drawn(self, services: Services, chart: object, search: str) -> None:
        """There is one, and a name in it that would be markup is none."""
        found = drawn(chart, parse("/overview", search), services)  # type: ignore[arg-type]
        assert set(found) in ({"figure", "note"}, {"empty"})
        assert HOSTILE not in repr(found)
        assert "<img" not in repr(found)

    def test_nothing(self, services: Services, chart: object) -> None:
        """Without sessions it is said so."""
        assert {"empty"} == set(drawn(chart, parse("/overview", "?where=cost+%3E+1000000"), services))  # type: ignore[arg-type]

    def test_refused(self, services: Services, chart: object) -> None:
        """What is wrong is said in its place."""
        found = drawn(chart, parse("/overview", "?where=nope+%3D+1"), services)  # type: ignore[arg-type]
        assert "there is no column" in found["error"]


def test_views() -> None:
    """Each view has its own name and title, and the address of it."""
    assert [view.name for view in views().values()] == list(views())
    assert {"overview", "sessions", "users", "models", "tools", "agents", "live"} <= {view.name for view in navigation()}
    assert len(views()) == len({view.title for view in views().values()})


@pytest.mark.parametrize(
    "request_",
    [{}, {"startRow": "x", "endRow": None, "sortModel": 3, "filterModel": []}, {"sortModel": [1, {"colId": 1, "sort": 2}]}],
)
def test_requests_of_a_grid(sessions: History, request_: dict[str, object]) -> None:
    """What is not of their form is left out."""
    assert 400 == sessions_page(sessions, Selection(), wanted_of(request_)).total
