"""The page: what is on it, and that nothing foreign on it is more than text."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from otel_session_agg import analysis, replay
from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._history.history import History
from tests.support.session_tables import HOSTILE, START, Given, Part, Tables, two_weeks

PANELS = ("over-time", "duration", "by-name", "spread", "against", "calendar")


class Page(HTMLParser):
    """A page taken apart."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.texts: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        """Note a text, or the content of a script."""
        if self.cdata_elem == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = attributes, text + data
        elif self.cdata_elem is None:
            self.texts.append(data.strip())

    def data(self, name: str) -> Any:
        """The values that are embedded under a name."""
        [text] = [text for attributes, text in self.scripts if attributes.get("id") == name]
        return json.loads(text)


@pytest.fixture(scope="module")
def path(sessions: History, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on two weeks."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    analysis.report(sessions, path, title=f"Costs of {HOSTILE}")
    return path


@pytest.fixture(scope="module")
def page(path: Path) -> Page:
    """The same, taken apart."""
    return Page(path)


class TestContent:
    """What the page shows."""

    def test_totals(self, page: Page, sessions: History) -> None:
        """The exact cost, and the numbers of sessions and of calls without a price."""
        [(number, cost, unpriced, failed)] = sessions.rows(
            "SELECT count(*), sum(cost), sum(unpriced)::BIGINT, count(*) FILTER (unpriced > 0) FROM sessions"
        )
        assert {f"{cost:,f}".rstrip("0") + " USD", f"+ {unpriced:,} unpriced calls", f"{number:,}"} < set(page.texts)
        assert f"The cost of {unpriced:,} calls in {failed:,} sessions is unknown" in page.texts
        assert f"and in none of the sums here. Models: local-llama ({unpriced:,})." in page.texts

    def test_charts_add_up(self, page: Page, sessions: History) -> None:
        """By whatever cost is split, the bars of a chart are the cost of all sessions."""
        [(cost,)] = sessions.rows("SELECT sum(cost)::DOUBLE FROM sessions")
        over_time, by_name = page.data("over-time-figures"), page.data("by-name-figures")
        assert {"0", "1", "2", "3", "4", "5"} == set(over_time) == set(by_name)
        for figure in (*over_time.values(), page.data("calendar-figures")["0"]):
            values = [value for bar in figure["data"] for value in _flat(bar.get("z") or bar["y"])]
            assert cost == pytest.approx(sum(values), rel=1e-12)
        for figure in by_name.values():
            assert cost == pytest.approx(sum(figure["data"][0]["x"]), rel=1e-12)

    def test_table_of_figures_is_exact(self, page: Page, sessions: History) -> None:
        """What a model cost is there to the last digit."""
        [(cost,)] = sessions.rows("SELECT sum(cost) FROM breakdown WHERE name = 'claude-sonnet-4-5'")
        assert f"{cost:f}".rstrip("0") in page.texts

    def test_every_chart_has_data(self, page: Page) -> None:
        """Each place for a chart has its figures."""
        assert set(PANELS) == {attributes["id"] for _, attributes in page.tags if attributes.get("class") == "chart"}
        assert all(page.data(f"{name}-figures") for name in PANELS)

    def test_rows(self, page: Page, sessions: History) -> None:
        """All sessions have a row, the dearest first, with values to sort by."""
        rows = [attributes["data-session"] for tag, attributes in page.tags if tag == "tr" and "data-session" in attributes]
        expected = sessions.rows("SELECT session FROM sessions ORDER BY cost DESC NULLS LAST, session")
        assert [session for (session,) in expected] == rows
        costs = [
            attributes["data-value"] for tag, attributes in page.tags if "dear" in str(attributes.get("class")) and tag == "td"
        ]
        assert Decimal(str(costs[0])) > 0

    def test_outliers(self, page: Page) -> None:
        """They are there with the reason, and what they are compared within is said."""
        reasons = [text for text in page.texts if " the median of " in text and "sessions of checkout-bot)" in text]
        assert reasons
        assert "more than 3.5 deviations above the median of each service.name (MAD of the logarithm)" in page.texts

    def test_parts_of_sessions(self, page: Page) -> None:
        """What a session is made of is embedded, for each one."""
        parts = dict(page.data("parts"))
        assert 400 == len(parts)
        assert ["model", "agent", "tool"] == [kind for kind, _ in parts["chat-0001"]]

    def test_only_some_are_listed(self, sessions: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of many sessions, the dearest and the outliers are listed, which is said; sums are of all."""
        monkeypatch.setattr("otel_session_agg.analysis._report_view.MAX_LISTED", 10)
        analysis.report(sessions, tmp_path / "report.html")
        page = Page(tmp_path / "report.html")
        listed = len([tag for tag, attributes in page.tags if tag == "tr" and "data-session" in attributes])
        assert 10 <= listed < 60
        assert f"{listed} of 400: the dearest and the outliers; all figures above are of all" in page.texts


def _flat(values: list[Any]) -> list[float]:
    return [one for value in values for one in (_flat(value) if isinstance(value, list) else [value])]


class TestUntrusted:
    """What users, models and tools are called is text."""

    def test_no_element_is_added(self, page: Page) -> None:
        """A name adds neither an element nor an attribute that runs."""
        assert set() == {"img", "iframe", "object"} & {tag for tag, _ in page.tags}
        assert [] == [name for _, attributes in page.tags for name in attributes if name.startswith("on")]

    def test_name_is_there_as_text(self, page: Page) -> None:
        """It is shown, with control characters visible."""
        assert HOSTILE.replace("\u202e", "\\u202e") in page.texts
        assert "\u202e" not in "".join(page.texts)

    def test_nothing_is_loaded(self, page: Page) -> None:
        """No element has the address of something else; links stay in the page."""
        addresses = [
            value for _, attributes in page.tags for name, value in attributes.items() if name in {"src", "href", "action"}
        ]
        assert {"#", "data:,"} == {str(value)[:1] if str(value).startswith("#") else str(value) for value in addresses}

    def test_only_own_scripts_run(self, page: Page) -> None:
        """The policy knows the two scripts by what they are; all others are data."""
        [policy] = [attributes["content"] for tag, attributes in page.tags if tag == "meta" and attributes.get("http-equiv")]
        digests = [
            f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
            for attributes, text in page.scripts
            if attributes.get("type") != "application/json"
        ]
        assert 2 == len(digests)
        assert f"default-src 'none'; script-src {' '.join(digests)};" in str(policy)

    def test_data_cannot_end_its_script(self, path: Path) -> None:
        """Embedded values have no angle brackets."""
        blocks = re.findall(r'<script type="application/json" id="[a-z-]+">(.*)</script>', path.read_text("utf-8"))
        assert 8 == len(blocks)
        assert not any(char in block for block in blocks for char in "<>&")


class TestSpans:
    """What spans of replayed files add."""

    @pytest.mark.parametrize("is_kept", [False, True])
    def test_tree_of_an_outlier(self, tmp_path: Path, is_kept: bool) -> None:  # noqa: FBT001
        """An outlier opens its spans, as `explain` shows them, with hostile names as text; no other session does."""
        spans = tmp_path / "spans.jsonl"
        spans.write_text("\n".join(map(_trace, range(30))), "utf-8")
        with replay(spans, history=tmp_path / "kept.duckdb" if is_kept else None) as sessions:
            analysis.report(sessions, tmp_path / "report.html")
            [(total,)] = sessions.rows("SELECT sum(cost) FROM sessions")
        if is_kept:
            with History(tmp_path / "kept.duckdb", read_only=True) as history:
                analysis.report(history, tmp_path / "report.html")
        page = Page(tmp_path / "report.html")
        assert 1 == [tag for tag, _ in page.tags].count("pre")
        assert [True, True] == [any(name in text for text in page.texts) for name in (HOSTILE[:20], "chat gpt-4o")]
        assert f"{total:f}".rstrip("0") + " USD" in page.texts
        assert set() == {"img"} & {tag for tag, _ in page.tags}
        assert not [text for text in page.texts if text.startswith("These spans come to")]

    def test_counted_at_other_prices(self, tmp_path: Path) -> None:
        """A tree whose sum is not what was counted says so."""
        spans, kept = tmp_path / "spans.jsonl", tmp_path / "kept.duckdb"
        spans.write_text("\n".join(map(_trace, range(30))), "utf-8")
        with replay(spans, history=kept, prices={"gpt-4o": {"input": 1, "output": 1}}):
            pass
        with History(kept, read_only=True) as history:
            analysis.report(history, tmp_path / "report.html")
        [note] = [text for text in Page(tmp_path / "report.html").texts if text.startswith("These spans come to")]
        assert note.startswith("These spans come to 0.25735 USD now, but the session to 0.10291 USD: it was counted at other")

    def test_too_many(self, tmp_path: Path) -> None:
        """Spans that nobody would read are not shown."""
        spans = tmp_path / "spans.jsonl"
        spans.write_text("\n".join(_trace(number, 700 if number == 29 else 1) for number in range(30)), "utf-8")
        with replay(spans) as sessions:
            analysis.report(sessions, tmp_path / "report.html")
        tags = [tag for tag, _ in Page(tmp_path / "report.html").tags]
        assert (0, True) == (tags.count("pre"), "details" in tags)


def _trace(number: int, roots: int = 1) -> str:
    """A trace of a call below one of its roots, in OTLP; the last one has a hundred times the tokens."""
    tokens = (1000 + number) * (100 if number == 29 else 1)
    start = 1_790_000_000_000_000_000 + number * 10**12

    def span(place: int, name: str, **attributes: str | int) -> dict[str, Any]:
        values = [
            {"key": key.replace("__", "."), "value": {"stringValue": value} if isinstance(value, str) else {"intValue": value}}
            for key, value in attributes.items()
        ]
        parent = {"parentSpanId": f"{1:016x}"} if place > 1 else {}
        ids = {"traceId": f"{number + 1:032x}", "spanId": f"{place:016x}"}
        times = {"startTimeUnixNano": str(start + place), "endTimeUnixNano": str(start + 10**9 - place)}
        return {**ids, **parent, **times, "name": name, "attributes": values}

    chat = span(
        2, "chat gpt-4o", gen_ai__operation__name="chat", gen_ai__request__model="gpt-4o",
        gen_ai__usage__input_tokens=tokens, gen_ai__usage__output_tokens=10,
    )  # fmt: skip
    above = [span(1, HOSTILE, session__id=f"chat-{number}")]
    above += [{**above[0], "spanId": f"{2 + place:016x}"} for place in range(1, roots)]
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"scope": {"name": "test"}, "spans": [*above, chat]}]}]})


class TestFile:
    """Where the page goes."""

    def test_no_sessions(self, tables: Tables, tmp_path: Path) -> None:
        """Without sessions the page says so, and has no charts."""
        analysis.report(tables([]), tmp_path / "report.html")
        page = Page(tmp_path / "report.html")
        assert "No sessions" in page.texts
        assert (tmp_path / "report.html").stat().st_size < 40_000

    @pytest.mark.parametrize("cost", [None, Decimal(0), Decimal("0.25")])
    def test_one_session(self, tables: Tables, tmp_path: Path, cost: Decimal | None) -> None:
        """One session is enough for a page, also when its cost is unknown or 0."""
        given = Given("s", START, [Part("model", "m", 1, 10, cost)])
        analysis.report(tables([given]), tmp_path / "report.html")
        page = Page(tmp_path / "report.html")
        assert {None: "no cost is known", Decimal(0): "0 USD"}.get(cost, "0.25 USD") in page.texts
        assert "No session stands out." in page.texts

    def test_is_replaced_as_a_whole(self, tables: Tables, tmp_path: Path) -> None:
        """A page that cannot be made leaves the old one, and nothing else."""
        path = tmp_path / "report.html"
        path.write_text("old")
        with pytest.raises(SessionAggError, match="no session has a value for regoin"):
            analysis.report(tables(two_weeks(3)), path, segment="regoin")
        assert ["old"] == [one.read_text() for one in tmp_path.iterdir()]

    def test_no_such_folder(self, tables: Tables, tmp_path: Path) -> None:
        """The error names the file and the reason."""
        with pytest.raises(SessionAggError, match=r"report\.html cannot be written: No such file or directory"):
            analysis.report(tables(two_weeks(3)), tmp_path / "missing" / "report.html")

    def test_segment(self, tables: Tables, tmp_path: Path) -> None:
        """Outliers can be compared within another dimension, or within users."""
        analysis.report(tables(two_weeks(30)), tmp_path / "report.html", segment="user")
        assert any("median of each user" in text for text in Page(tmp_path / "report.html").texts)
